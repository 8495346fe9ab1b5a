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
const LAST = 'select seq, hash from audit order by seq desc limit 1';
const INSERT = `
  insert into audit (seq, at, actor, kind, subject, body, prev, hash)
  values ($1, clock_timestamp(), $2, $3, $4, $5, $6, $7)`;
const PAGE = 'select seq, body, prev, hash from audit where seq > $1 order by seq limit 1000';

const GENESIS = Buffer.alloc(32);

/**
 * Appends to the hash-chained audit log. Call it last inside the transaction of what it records: the chain has one
 * writer at a time, until that transaction ends.
 */
export async function appendAudit(db: Db, entry: AuditEntry): Promise<void> {
  await db.query(LOCK);
  const { rows } = await db.query<{ seq: number; hash: Buffer }>(LAST);
  const seq = (rows[0]?.seq ?? 0) + 1;
  const prev = rows[0]?.hash ?? GENESIS;
  const { actor, kind, subject } = entry;
  const body = canonicalize({ actor, kind, subject, ...entry.body }) ?? '{}';
  await db.query(INSERT, [seq, actor, kind, subject, body, prev, chainHash(prev, seq, body)]);
}

/** Walks the chain; returns the first sequence number that does not fit, or null. */
export async function firstBrokenLink(db: Db): Promise<number | null> {
  let seq = 0;
  let prev: Buffer = GENESIS;
  for (;;) {
    const { rows } = await db.query<{ seq: number; body: string; prev: Buffer; hash: Buffer }>(PAGE, [seq]);
    if (rows.length === 0) return null;
    for (const row of rows) {
      const intact =
        row.seq === seq + 1 && row.prev.equals(prev) && row.hash.equals(chainHash(prev, row.seq, row.body));
      if (!intact) return seq + 1;
      seq = row.seq;
      prev = row.hash;
    }
  }
}

function chainHash(prev: Buffer, seq: number, body: string): Buffer {
  return createHash('sha256').update(prev).update(String(seq)).update(body).digest();
}
