import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { Db } from './database.ts';

export interface AuditEntry {
  actor: string;
  /** What happened: 'mitigation.approved', 'run.started', ... */
  kind: string;
  /** What it happened to: 'mitigation:12'. */
  subject: string;
  /** Ids and hashes only: this can never be deleted. */
  body: Record<string, unknown>;
}

const LOCK = "select pg_advisory_xact_lock(hashtext('latency-bot:audit'))";
// One spelling of a time, whatever the settings of the session that reads it.
const UTC = `'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'`;
const LAST = `
  select to_char(clock_timestamp() at time zone 'utc', ${UTC}) as at, last.seq, last.hash
  from (values (1)) as now
  left join (select seq, hash from audit order by seq desc limit 1) as last on true`;
const INSERT = `
  insert into audit (seq, at, actor, kind, subject, body, prev, hash)
  values ($1, $2, $3, $4, $5, $6, $7, $8)`;
const PAGE = `
  select seq, to_char(at at time zone 'utc', ${UTC}) as at, actor, kind, subject, body, prev, hash
  from audit where seq > $1 order by seq limit 1000`;

interface AuditRow {
  seq: number;
  at: string;
  actor: string;
  kind: string;
  subject: string;
  body: string;
  prev: Buffer;
  hash: Buffer;
}

const GENESIS = Buffer.alloc(32);

/**
 * Appends to the hash-chained audit log. Call it last inside the transaction of what it records: the chain has one
 * writer at a time, until that transaction ends.
 */
export async function appendAudit(db: Db, entry: AuditEntry): Promise<void> {
  await db.query(LOCK);
  const { rows } = await db.query<{ at: string; seq: number | null; hash: Buffer | null }>(LAST);
  const seq = (rows[0]?.seq ?? 0) + 1;
  const prev = rows[0]?.hash ?? GENESIS;
  const at = rows[0]?.at;
  const { actor, kind, subject } = entry;
  // Only the body is hashed, so everything that the other columns say is in it as well.
  const body = canonicalize({ ...entry.body, at, actor, kind, subject }) ?? '{}';
  await db.query(INSERT, [seq, at, actor, kind, subject, body, prev, chainHash(prev, seq, body)]);
}

/** Walks the chain; returns the first sequence number that does not fit, or null. */
export async function firstBrokenLink(db: Db): Promise<number | null> {
  let seq = 0;
  let prev: Buffer = GENESIS;
  for (;;) {
    const { rows } = await db.query<AuditRow>(PAGE, [seq]);
    if (rows.length === 0) return null;
    for (const row of rows) {
      const follows = row.seq === seq + 1 && row.prev.equals(prev);
      if (!follows || !row.hash.equals(chainHash(prev, row.seq, row.body)) || !bodyAgrees(row))
        return seq + 1;
      seq = row.seq;
      prev = row.hash;
    }
  }
}

/** Whether the columns, which people read, say what the hashed body says. */
function bodyAgrees({ at, actor, kind, subject, body }: AuditRow): boolean {
  const hashed = parsed(body);
  return hashed.at === at && hashed.actor === actor && hashed.kind === kind && hashed.subject === subject;
}

/** A forger may have left something that is no JSON: it then agrees with nothing. */
function parsed(body: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(body));
  } catch {
    return {};
  }
}

function chainHash(prev: Buffer, seq: number, body: string): Buffer {
  return createHash('sha256').update(prev).update(String(seq)).update(body).digest();
}
