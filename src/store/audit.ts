import canonicalize from 'canonicalize';
import { type AuditRow, type Break, breakAt, chainHash, GENESIS } from './audit-chain.ts';
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
  from audit where seq > $1 and ($2::timestamptz is null or at >= $2) order by seq limit 1000`;

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

/** What a whole chain ends with; kept elsewhere, it proves later that the end was not cut off. */
export interface Head {
  seq: number;
  /** Hexadecimal. */
  hash: string;
}

/** Walks the chain: its head, or the first place where it breaks. An anchor is a head that was noted earlier. */
export async function verifyAudit(db: Db, anchor?: Head): Promise<{ head: Head } | { broken: Break }> {
  let seq = 0;
  let prev: Buffer = GENESIS;
  for await (const row of auditRows(db)) {
    const broken = breakAt(seq, prev, row);
    if (broken) return { broken };
    seq = row.seq;
    prev = row.hash;
    if (anchor?.seq === seq && !prev.toString('hex').startsWith(anchor.hash)) {
      const detail = `entry ${seq} is not the one that was noted: the chain was written anew`;
      return { broken: { seq, why: 'changed', detail } };
    }
  }
  if (anchor && anchor.seq > seq) {
    const detail = `the chain ends at entry ${seq}, and entry ${anchor.seq} was noted: its end was cut off`;
    return { broken: { seq: seq + 1, why: 'missing', detail } };
  }
  return { head: { seq, hash: prev.toString('hex') } };
}

/** Walks the chain; returns the first sequence number that does not fit, or null. */
export async function firstBrokenLink(db: Db): Promise<number | null> {
  const verified = await verifyAudit(db);
  return 'broken' in verified ? verified.broken.seq : null;
}

/** The entries in their order, a page at a time; from a time on when one is given. */
export async function* auditRows(db: Db, since: Date | null = null): AsyncGenerator<AuditRow> {
  let seq = 0;
  for (;;) {
    const { rows } = await db.query<AuditRow>(PAGE, [seq, since]);
    yield* rows;
    const last = rows.at(-1);
    if (!last) return;
    seq = last.seq;
  }
}
