import { z } from 'zod';
import { BotError } from '../errors.ts';
import type { Probe } from './probe.ts';
import { HORIZON, INVALID_INDEXES, OVERVIEW, TABLES, UNUSED_INDEXES, WORKERS } from './table-health-sql.ts';

const MAX_TABLES = 20;
const MAX_OTHERS = 10;

const Table = z.object({
  schema: z.string(),
  table: z.string(),
  oid: z.string().nullable().default(null),
  /** Estimates of the planner; null when the table was never analysed. */
  rows: z.number().nullable(),
  /** From relpages, so as old as the last VACUUM or ANALYZE; indexes and TOAST are not in it. */
  bytes: z.number(),
  liveRows: z.number(),
  deadRows: z.number(),
  deadRatio: z.number(),
  modifiedSinceAnalyze: z.number(),
  /** Dead rows, or modified ones, from which autovacuum would start; by the table's own options where it has any. */
  vacuumAt: z.number(),
  analyzeAt: z.number(),
  autovacuum: z.boolean(),
  lastVacuum: z.string().nullable(),
  lastAnalyze: z.string().nullable(),
  sinceVacuumMs: z.number().nullable(),
  sinceAnalyzeMs: z.number().nullable(),
  xidAge: z.number().nullable(),
  /** Tuples read by sequential scans and by indexes, and rows written, since the statistics were reset. */
  seqScans: z.number(),
  seqRows: z.number(),
  indexScans: z.number(),
  writes: z.number(),
  findings: z.array(
    z.enum(['vacuum-due', 'analyze-due', 'never-analyzed', 'bloated', 'autovacuum-off', 'wraparound-near']),
  ),
});
export type TableHealth = z.infer<typeof Table>;

const Worker = z.object({
  pid: z.int(),
  database: z.string(),
  /** Null for a table of another database. */
  table: z.string().nullable(),
  phase: z.string().nullable(),
  ageMs: z.number().nullable(),
  /** Started by a person, not by autovacuum. */
  manual: z.boolean(),
  preventsWraparound: z.boolean(),
  scannedRatio: z.number().nullable(),
});
const Holder = z.object({
  kind: z.enum(['session', 'slot', 'prepared', 'standby']),
  /** pid, or name of the slot or the prepared transaction. */
  id: z.string(),
  xminAge: z.number(),
  ageMs: z.number().nullable(),
  state: z.string(),
});
const Invalid = z.object({
  schema: z.string(),
  table: z.string(),
  index: z.string(),
  beingBuilt: z.boolean(),
});
const Unused = z.object({ schema: z.string(), table: z.string(), index: z.string(), bytes: z.number() });

const Report = z.object({
  tables: z.array(Table),
  tablesLeftOut: z.int(),
  /** Autovacuum of the whole server. */
  autovacuum: z.object({
    enabled: z.boolean(),
    trackCounts: z.boolean(),
    workersMax: z.int(),
    workersBusy: z.int(),
    naptimeMs: z.number(),
    costDelayMs: z.number(),
  }),
  workers: z.array(Worker),
  workersLeftOut: z.int(),
  /** Oldest transaction horizon of a database, and where wraparound vacuums begin. */
  wraparound: z.object({ database: z.string(), xidAge: z.number(), freezeMaxAge: z.number() }),
  /** What keeps dead rows from being removed, the oldest first. */
  holders: z.array(Holder),
  holdersLeftOut: z.int(),
  invalidIndexes: z.array(Invalid),
  invalidIndexesLeftOut: z.int(),
  /** Large indexes that no statement used since the statistics were reset; unique ones are left out. */
  unusedIndexes: z.array(Unused),
  unusedIndexesLeftOut: z.int(),
  /** When the counters of the database began; null when they were never reset. */
  statisticsSince: z.string().nullable(),
});
export type TableHealthReport = z.infer<typeof Report>;

type Overview = Pick<TableHealthReport, 'autovacuum' | 'wraparound' | 'statisticsSince'>;
type Row<T> = T & { total: number };

/** Which tables vacuum or statistics have left behind, and what holds them back. */
export const tableHealth: Probe<TableHealthReport> = {
  id: 'table-health',
  title: 'Vacuum and statistics of tables',
  runbookStep: 8,
  needs: ['postgres'],
  cost: '6 reads of the catalog and of table statistics, without a lock on a table and without reading its size on disk',
  requires: ['postgres:reachable', 'postgres:read-all-stats'],
  improvedBy: [],
  report: Report,

  async run({ targets, signal }) {
    const { postgres } = targets;
    if (!postgres) throw new BotError('not-configured', 'no PostgreSQL is configured');
    const rows = <T extends object>(sql: string) =>
      postgres.query<Row<T>>({ probe: 'table-health', sql, signal });
    const [overview] = await rows<Overview>(OVERVIEW);
    if (!overview) throw new BotError('target-protocol', 'PostgreSQL gave no answer about autovacuum');
    const tables = await rows<Omit<TableHealth, 'findings'>>(TABLES);
    const workers = await rows<z.infer<typeof Worker>>(WORKERS);
    const holders = await rows<z.infer<typeof Holder>>(HORIZON);
    const invalid = await rows<z.infer<typeof Invalid>>(INVALID_INDEXES);
    const unused = await rows<z.infer<typeof Unused>>(UNUSED_INDEXES);
    const { autovacuum, wraparound, statisticsSince } = overview;
    return {
      tables: tables
        .slice(0, MAX_TABLES)
        .map((table) => ({ ...table, findings: findingsOf(table, autovacuum, wraparound) })),
      tablesLeftOut: leftOut(tables, MAX_TABLES),
      autovacuum,
      workers: workers.slice(0, MAX_OTHERS),
      workersLeftOut: leftOut(workers),
      wraparound,
      holders: holders.slice(0, MAX_OTHERS),
      holdersLeftOut: leftOut(holders),
      invalidIndexes: invalid.slice(0, MAX_OTHERS),
      invalidIndexesLeftOut: leftOut(invalid),
      unusedIndexes: unused.slice(0, MAX_OTHERS),
      unusedIndexesLeftOut: leftOut(unused),
      statisticsSince,
    };
  },
};

/** Every row carries how many there are in all, also where the statement is limited. */
function leftOut(rows: readonly { total: number }[], shown = MAX_OTHERS): number {
  return Math.max(0, (rows[0]?.total ?? 0) - Math.min(shown, rows.length));
}

/** Fewer dead rows than this are no bloat whatever their share is: the first pages of a table are always churned. */
const MIN_DEAD_ROWS = 10_000;
const BLOATED_RATIO = 0.2;
/** Below this a table fits into a page or two, and statistics change nothing. */
const MIN_ROWS = 1_000;
/** Of autovacuum_freeze_max_age. */
const WRAPAROUND_RATIO = 0.95;

function findingsOf(
  table: Omit<TableHealth, 'findings'>,
  server: TableHealthReport['autovacuum'],
  { freezeMaxAge }: TableHealthReport['wraparound'],
): TableHealth['findings'] {
  const found: TableHealth['findings'] = [];
  if (table.deadRows > table.vacuumAt) found.push('vacuum-due');
  if (table.deadRows >= MIN_DEAD_ROWS && table.deadRatio >= BLOATED_RATIO) found.push('bloated');
  if (table.lastAnalyze === null) {
    if (Math.max(table.liveRows, table.rows ?? 0) >= MIN_ROWS) found.push('never-analyzed');
  } else if (table.modifiedSinceAnalyze > table.analyzeAt) found.push('analyze-due');
  if (!table.autovacuum || !server.enabled || !server.trackCounts) found.push('autovacuum-off');
  if ((table.xidAge ?? 0) >= WRAPAROUND_RATIO * freezeMaxAge) found.push('wraparound-near');
  return found;
}
