import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { BotError } from '../errors.ts';
import { Session } from '../targets/backend.ts';
import type { PostgresTarget } from '../targets/postgres.ts';
import { drain, rootsOf, waitersUnder } from './lock-graph.ts';
import type { Probe } from './probe.ts';
import { SESSION_COLUMNS, type SessionRow, toSession } from './session-row.ts';

/** The statement asks for one more, to know whether it cut. */
const MAX_NODES = 300;
const MAX_ROOTS = 20;

// pg_blocking_pids() takes every partition of the lock table for a moment, so only sessions that wait are asked
// about. A row waited for shows as a transaction id; the tuple lock of the first in line names the table.
// Blockers come first, so that the limit cuts waiters only.
const LOCKS = `
  with waiting as materialized (
    select pid, pg_blocking_pids(pid) as blockers
    from pg_stat_activity
    where wait_event_type = 'Lock'
    and datname = current_database()
  ), involved as (
    select pid from waiting
    union
    select unnest(blockers) from waiting
  ), wanted as (
    select distinct on (l.pid)
      l.pid, l.locktype, l.mode, l.relation, l.transactionid, to_jsonb(l) ->> 'waitstart' as waitstart
    from pg_locks l
    where not l.granted
    order by l.pid
  ), tuple as (
    select distinct on (l.pid) l.pid, l.relation
    from pg_locks l
    where l.granted
    and l.locktype = 'tuple'
    and l.database = (select oid from pg_database where datname = current_database())
    order by l.pid
  )
  select
    ${SESSION_COLUMNS},
    coalesce(w.blockers, '{}') as "blockedBy",
    o.locktype as "lockType",
    o.mode,
    regexp_replace(coalesce(o.relation, t.relation)::regclass::text, '^public[.]', '') as relation,
    o.transactionid::text as "waitsForXid",
    case when w.pid is not null then
      (extract(epoch from clock_timestamp() - coalesce(o.waitstart::timestamptz, a.query_start)) * 1000)::float8
    end as "waitMs"
  from involved i
  join pg_stat_activity a on a.pid = i.pid
  left join pg_roles r on r.oid = a.usesysid
  left join waiting w on w.pid = i.pid
  left join wanted o on o.pid = i.pid and w.pid is not null
  left join tuple t on t.pid = i.pid and w.pid is not null
  order by w.pid is not null, "waitMs" desc
  limit 301`;

// One mode for each table: the strongest. People know the tables of `public` by their bare names.
const HELD = `
  select
    l.pid,
    regexp_replace(c.oid::regclass::text, '^public[.]', '') as relation,
    (array_agg(l.mode order by array_position(array[
      'AccessShareLock', 'RowShareLock', 'RowExclusiveLock', 'ShareUpdateExclusiveLock',
      'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'
    ], l.mode) desc nulls last))[1] as mode
  from pg_locks l
  join pg_class c on c.oid = l.relation
  where l.pid = any ($1::int[])
  and l.locktype = 'relation'
  and l.granted
  and l.database = (select oid from pg_database where datname = current_database())
  and c.relkind in ('r', 'p', 'm')
  and c.relnamespace <> 'pg_catalog'::regnamespace
  group by l.pid, c.oid
  order by l.pid, c.oid
  limit 200`;

const PREPARED = `
  select
    p.gid,
    p.transaction::text as xid,
    p.owner as role,
    (extract(epoch from clock_timestamp() - p.prepared) * 1000)::float8 as "ageMs"
  from pg_prepared_xacts p
  where p.database = current_database()
  order by p.prepared
  limit 50`;

const Node = Session.extend({
  /** Pids this session waits for; 0 stands for a prepared transaction. */
  blockedBy: z.array(z.int()),
  lockType: z.string().nullable(),
  mode: z.string().nullable(),
  relation: z.string().nullable(),
  waitsForXid: z.string().nullable(),
  waitMs: z.number().nullable(),
});
const Prepared = z.object({ gid: z.string(), xid: z.string(), role: z.string(), ageMs: z.number() });
const ROOT_CLASSES = [
  'idle-in-transaction',
  'active',
  'running-ddl',
  'autovacuum',
  'wraparound-vacuum',
  'prepared-transaction',
  'other',
] as const;
const Root = z.object({
  /** 0 for prepared transactions, which have no session. */
  pid: z.int(),
  class: z.enum(ROOT_CLASSES),
  /** Everyone who waits under it, directly or through others. */
  waiters: z.array(z.int()),
  /** How many of them get on when it is gone. */
  drain: z.int(),
  held: z.array(z.object({ relation: z.string(), mode: z.string() })),
  /** Whether it was there at the begin of the window too. */
  lasting: z.boolean(),
});

const Report = z.object({
  /** Sessions that wait for a lock and those that block them, at the end of the window. */
  nodes: z.array(Node),
  roots: z.array(Root),
  /** Waiting sessions that ask for a strong lock on a table: the head of a jam behind a schema change. */
  queueHeads: z.array(z.object({ pid: z.int(), drain: z.int() })),
  prepared: z.array(Prepared),
  waitingAtBegin: z.int(),
  waitingAtEnd: z.int(),
  /** Nodes were left out: the numbers are lower bounds. */
  cut: z.boolean(),
});

export type LockTreeReport = z.infer<typeof Report>;
export type LockNode = z.infer<typeof Node>;
export type LockRoot = z.infer<typeof Root>;
type LockRow = SessionRow & Omit<LockNode, keyof Session>;

const STRONG_MODES = new Set([
  'ShareUpdateExclusiveLock',
  'ShareLock',
  'ShareRowExclusiveLock',
  'ExclusiveLock',
  'AccessExclusiveLock',
]);

/** Who waits for whose locks, at the begin and at the end of the window. */
export const lockTree: Probe<LockTreeReport> = {
  id: 'lock-tree',
  title: 'Lock waits and who causes them',
  runbookStep: 2,
  needs: ['postgres'],
  cost: '3 reads of pg_stat_activity and pg_locks, of which one asks the lock manager for the blockers of each waiter',
  requires: ['postgres:reachable', 'postgres:read-all-stats'],
  improvedBy: ['postgres:query-id', 'postgres:reserved-slots'],
  report: Report,

  async run({ targets, windowMs, signal }) {
    if (!targets.postgres) throw new BotError('not-configured', 'no PostgreSQL is configured');
    const begin = await lockRows(targets.postgres, signal);
    await sleep(windowMs, undefined, { signal });
    return readLockTree(targets.postgres, begin, signal);
  },
};

/** The lock tree of this moment, for a mitigation that looks again before it acts. */
export function currentLockTree(postgres: PostgresTarget, signal: AbortSignal): Promise<LockTreeReport> {
  return readLockTree(postgres, [], signal);
}

function lockRows(postgres: PostgresTarget, signal: AbortSignal): Promise<LockRow[]> {
  return postgres.query<LockRow>({ probe: 'lock-tree', sql: LOCKS, signal });
}

async function readLockTree(
  postgres: PostgresTarget,
  begin: LockRow[],
  signal: AbortSignal,
): Promise<LockTreeReport> {
  const all = await lockRows(postgres, signal);
  const rows = all.slice(0, MAX_NODES);
  const rootPids = rootsOf(rows).slice(0, MAX_ROOTS);
  const ask = { probe: 'lock-tree', signal };
  const held =
    rootPids.length === 0
      ? []
      : await postgres.query<{ pid: number; relation: string; mode: string }>({
          ...ask,
          sql: HELD,
          values: [rootPids],
        });
  const prepared = rootPids.includes(0)
    ? await postgres.query<z.infer<typeof Prepared>>({ ...ask, sql: PREPARED })
    : [];
  const nodes = await Promise.all(rows.map(toNode));
  const before = new Set(rootsOf(begin));
  return {
    nodes,
    roots: rootPids
      .map((pid) => ({
        pid,
        class: classOf(nodes.find((node) => node.pid === pid)),
        waiters: waitersUnder(nodes, pid),
        drain: drain(nodes, pid),
        held: held.filter((lock) => lock.pid === pid).map(({ relation, mode }) => ({ relation, mode })),
        lasting: before.has(pid),
      }))
      .sort((a, b) => b.waiters.length - a.waiters.length),
    queueHeads: nodes
      .filter((node) => node.lockType === 'relation' && STRONG_MODES.has(node.mode ?? ''))
      .map(({ pid }) => ({ pid, drain: drain(nodes, pid) }))
      .filter((head) => head.drain > 0),
    prepared,
    waitingAtBegin: begin.filter((row) => row.blockedBy.length > 0).length,
    waitingAtEnd: rows.filter((row) => row.blockedBy.length > 0).length,
    cut: all.length > MAX_NODES,
  };
}

async function toNode(row: LockRow): Promise<LockNode> {
  const { blockedBy, lockType, mode, relation, waitsForXid, waitMs } = row;
  return { ...(await toSession(row)), blockedBy, lockType, mode, relation, waitsForXid, waitMs };
}

function classOf(node: LockNode | undefined): LockRoot['class'] {
  if (!node) return 'prepared-transaction';
  if (node.backendType === 'autovacuum worker') {
    return node.query.text.includes('to prevent wraparound') ? 'wraparound-vacuum' : 'autovacuum';
  }
  if (node.state?.startsWith('idle in transaction')) return 'idle-in-transaction';
  if (node.state !== 'active') return 'other';
  return /^(alter|create|drop|reindex|vacuum|cluster|truncate|refresh)\b/i.test(node.query.text)
    ? 'running-ddl'
    : 'active';
}
