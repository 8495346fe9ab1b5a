import type { SessionQuery } from '../targets/postgres.ts';
import {
  BUILD_PROGRESS,
  BUILDS_NOW,
  INDEXES_NOW,
  OLDER_TRANSACTIONS,
  TABLE_NOW,
  VACUUMS_NOW,
} from './index-look-sql.ts';
import type { IndexTarget, OlderTransaction } from './index-target.ts';
import type { MitigationContext } from './mitigation.ts';
import { postgresOf } from './signal.ts';

/** The table as it is now, and what building this index on it would take. */
export interface TableNow {
  database: string;
  schema: string;
  table: string;
  /** An ordinary table or a materialized view: the others take no concurrent build. */
  buildable: boolean;
  rows: number | null;
  bytes: number;
  columnsThere: number;
  statement: string;
  nameTaken: boolean;
  /** Whether the role of approved acts may become an owner of the table who may make indexes. */
  mayBuild: boolean;
  /** Where its files are; null when that may not be seen. */
  directory: string | null;
}

export interface IndexNow {
  oid: string;
  schema: string;
  name: string;
  /** A btree of columns alone, as `create index … (a, b desc)` makes it. */
  plain: boolean;
  unique: boolean;
  constraint: boolean;
  valid: boolean;
  beingBuilt: boolean;
  columns: string[];
  /** Per column: 1 descending, 2 nulls first; 3 is what `desc` alone means. */
  options: number[];
  bytes: number;
}

export interface Situation {
  table: TableNow | undefined;
  indexes: IndexNow[];
  builds: { pid: number; table: string | null }[];
  /** Transactions of any age that a build would wait for, the oldest first. */
  waitsFor: OlderTransaction[];
  vacuums: { pid: number; automatic: boolean; preventsWraparound: boolean }[];
}

/** Everything that decides whether this index may be built, or dropped, now. */
export async function situationOf(
  query: SessionQuery,
  target: IndexTarget,
  context: MitigationContext,
): Promise<Situation> {
  const { oid, name, columns } = target;
  const names = columns.map((column) => column.name);
  const descending = columns.map((column) => column.descending);
  const owner = context.service.targets.postgres?.ownerRole ?? null;
  const roles = [postgresOf(context).actionRole, owner];
  const [table] = await query<TableNow & Record<string, unknown>>(TABLE_NOW, [
    ...[oid, names, descending, name],
    ...roles,
  ]);
  return {
    table,
    indexes: await query<IndexNow & Record<string, unknown>>(INDEXES_NOW, [oid]),
    builds: await query(BUILDS_NOW),
    waitsFor: await query(OLDER_TRANSACTIONS, [oid, 0]),
    vacuums: await query(VACUUMS_NOW, [oid]),
  };
}

/** Whether an index begins with these columns in this order, or in the opposite one: a btree is read both ways. */
export function begins(index: IndexNow, { columns }: Pick<IndexTarget, 'columns'>): boolean {
  const option = (descending: boolean) => (descending ? 3 : 0);
  const sameColumns = columns.every(({ name }, i) => index.columns[i] === name);
  const asWanted = columns.every(({ descending }, i) => index.options[i] === option(descending));
  const turned = columns.every(({ descending }, i) => index.options[i] === option(!descending));
  return index.plain && sameColumns && (asWanted || turned);
}

/** One look by the probes' own session, for a dialog or for progress. */
export function asProbe(context: MitigationContext, signal = context.signal): SessionQuery {
  const postgres = postgresOf(context);
  return (sql, values = []) => postgres.query({ probe: 'recheck', sql, values, signal, always: true });
}

interface Progress extends Record<string, unknown> {
  phase: string;
  lockersTotal: number;
  lockersDone: number;
  locker: number | null;
  blocks: number | null;
  tuples: number | null;
}

/** "building index: loading tuples in tree, 43 %", or whom it waits for. */
export async function buildProgress(query: SessionQuery, pid: number): Promise<string | null> {
  const [row] = await query<Progress>(BUILD_PROGRESS, [pid]);
  if (!row) return null;
  const { phase, locker, lockersTotal, lockersDone, blocks, tuples } = row;
  if (phase.startsWith('waiting') && locker !== null) {
    return `${phase}: pid ${locker} (${lockersDone} of ${lockersTotal} are done)`;
  }
  const done = tuples !== null && tuples > 0 ? tuples : blocks;
  return done === null ? phase : `${phase}, ${Math.round(Math.min(1, done) * 100)} %`;
}
