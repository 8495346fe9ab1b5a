import { BotError } from '../errors.ts';
import type { PostgresTarget } from './postgres.ts';
import type { PgssView } from './statement-view.ts';

/** pg_stat_statements.max is 5,000 unless somebody raised it. */
const MAX_ENTRIES = 20_000;
/** A longer text is not parsed anyway. */
const TEXT_CHARACTERS = 20_001;

/** Counters of an entry, in the order in which they are read; each only grows until the entry is reset. */
export const COUNTERS = [
  'calls',
  'totalMs',
  'planMs',
  'rows',
  'sharedBlksHit',
  'sharedBlksRead',
  'sharedBlksDirtied',
  'tempBlksRead',
  'tempBlksWritten',
  'walBytes',
  'ioMs',
] as const;
export type Counter = (typeof COUNTERS)[number];

/** One entry of pg_stat_statements as it was at one moment. */
export interface StatementEntry extends Record<Counter, number> {
  queryId: string;
  role: string;
  topLevel: boolean;
  /** When the entry began to count, in seconds; null before PostgreSQL 17. */
  since: number | null;
}

/** pg_stat_statements at one moment, for this database. */
export interface StatementRead {
  /** Clock of the server, in milliseconds. */
  atMs: number;
  /** When everything was reset last, in seconds; null before PostgreSQL 14. */
  resetAt: number | null;
  /** How often entries were evicted for want of space; null before PostgreSQL 14. */
  dealloc: number | null;
  entries: StatementEntry[];
}

interface Row {
  atMs: number;
  resetAt: number | null;
  dealloc: number | null;
  entries: [string, string, boolean, number | null, ...number[]][];
}

/** Reads the counters without the texts, which would be read from a file. */
export async function readStatements(
  postgres: PostgresTarget,
  view: PgssView,
  signal: AbortSignal,
): Promise<StatementRead> {
  const [row] = await postgres.query<Row>({ probe: 'statements', sql: countersSql(view), signal });
  if (!row) throw new BotError('target-protocol', 'PostgreSQL gave no answer about its statements');
  return {
    ...row,
    entries: row.entries.map(([queryId, role, topLevel, since, ...values]) => ({
      queryId,
      role,
      topLevel,
      since,
      ...(Object.fromEntries(COUNTERS.map((name, i) => [name, values[i] ?? 0])) as Record<Counter, number>),
    })),
  };
}

// One row that holds all entries: the clock, the reset and the counters are of the same moment, and thousands of
// entries cost one parse of JSON.
function countersSql({ quotedSchema, columns }: PgssView): string {
  const has = (name: string) => columns.has(name);
  const ioTime = ['blk_read_time', 'blk_write_time', 'shared_blk_read_time', 'shared_blk_write_time']
    .concat(['local_blk_read_time', 'local_blk_write_time', 'temp_blk_read_time', 'temp_blk_write_time'])
    .filter(has)
    .map((name) => `s.${name}`)
    .join(' + ');
  const info = has('dealloc')
    ? `select extract(epoch from stats_reset)::float8 as reset_at, dealloc::float8 from ${quotedSchema}.pg_stat_statements_info()`
    : 'select null::float8 as reset_at, null::float8 as dealloc';
  return `
  select
    (extract(epoch from clock_timestamp()) * 1000)::float8 as "atMs",
    i.reset_at as "resetAt",
    i.dealloc,
    coalesce((
      select json_agg(json_build_array(
        s.queryid::text,
        pg_get_userbyid(s.userid),
        ${has('toplevel') ? 's.toplevel' : 'true'},
        ${has('stats_since') ? 'extract(epoch from s.stats_since)::float8' : 'null::float8'},
        s.calls,
        s.total_exec_time,
        s.total_plan_time,
        s.rows,
        s.shared_blks_hit,
        s.shared_blks_read,
        s.shared_blks_dirtied,
        s.temp_blks_read,
        s.temp_blks_written,
        s.wal_bytes,
        ${ioTime || '0'}
      ))
      from (
        select *
        from ${quotedSchema}.pg_stat_statements(false)
        where dbid = (select oid from pg_database where datname = current_database())
        and queryid is not null
        limit ${MAX_ENTRIES}
      ) s
    ), '[]') as entries
  from (${info}) i`;
}

/** The texts of some statements by query id, as pg_stat_statements keeps them: not free of literals. */
export async function readTexts(
  postgres: PostgresTarget,
  { quotedSchema }: PgssView,
  queryIds: string[],
  signal: AbortSignal,
): Promise<Map<string, string>> {
  const rows = await postgres.query<{ queryId: string; text: string }>({
    probe: 'statements',
    sql: `
      select distinct on (s.queryid) s.queryid::text as "queryId", left(s.query, ${TEXT_CHARACTERS}) as text
      from ${quotedSchema}.pg_stat_statements(true) s
      where s.queryid = any ($1::bigint[])
      and s.dbid = (select oid from pg_database where datname = current_database())
      and s.query is not null
      order by s.queryid
      limit 200`,
    values: [queryIds],
    signal,
  });
  return new Map(rows.map(({ queryId, text }) => [queryId, text]));
}
