import { z } from 'zod';
import type { SessionQuery } from '../targets/postgres.ts';
import { VACUUMS_NOW } from './index-look-sql.ts';
import type { MitigationContext } from './mitigation.ts';
import { postgresOf } from './signal.ts';
import { TableRef, tableChange, tableName } from './table-ref.ts';
import { age, size } from './words.ts';

/** A table to be analysed or vacuumed, and when that was last done: what somebody has done meanwhile is not repeated. */
export const CareTarget = TableRef.extend({
  /** PostgreSQL's own text of the later of the manual and the automatic run; null when there was none. */
  lastAnalyze: z.string().nullable(),
  lastVacuum: z.string().nullable(),
});
export type CareTarget = z.infer<typeof CareTarget>;

/** The table as it is; null where it was never analysed. */
export const CareDryRun = z.object({
  rows: z.number().nullable(),
  bytes: z.number(),
  liveRows: z.number(),
  deadRows: z.number(),
  modifiedSinceAnalyze: z.number(),
  lastAnalyze: z.string().nullable(),
  lastVacuum: z.string().nullable(),
  autovacuum: z.boolean(),
});
export type CareDryRun = z.infer<typeof CareDryRun>;

export interface CareNow extends CareDryRun {
  database: string;
  schema: string;
  table: string;
  statement: string;
  mayMaintain: boolean;
}

// $1 oid of the table, $2 the statement with the place of its name, $3 role of approved acts, $4 role that owns the
// tables. MAINTAIN exists from PostgreSQL 17 on; before it only owners of the table and of the database may.
const CARE_NOW = `
  select
    current_database()::text as database,
    n.nspname::text as schema,
    c.relname::text as table,
    format($2, format('%I.%I', n.nspname, c.relname)) as statement,
    nullif(c.reltuples, -1)::float8 as rows,
    (c.relpages::bigint * current_setting('block_size')::int)::float8 as bytes,
    coalesce(s.n_live_tup, 0)::float8 as "liveRows",
    coalesce(s.n_dead_tup, 0)::float8 as "deadRows",
    coalesce(s.n_mod_since_analyze, 0)::float8 as "modifiedSinceAnalyze",
    greatest(s.last_analyze, s.last_autoanalyze)::text as "lastAnalyze",
    greatest(s.last_vacuum, s.last_autovacuum)::text as "lastVacuum",
    current_setting('autovacuum')::boolean and coalesce((select option_value::boolean
      from pg_options_to_table(c.reloptions) where option_name = 'autovacuum_enabled'), true) as autovacuum,
    coalesce((
      select case
        when pg_has_role(actor.oid, c.relowner, 'usage') or pg_has_role(actor.oid, d.datdba, 'usage') then true
        when current_setting('server_version_num')::int >= 170000
          then has_table_privilege(actor.oid, c.oid, 'maintain')
        else false
      end
      from pg_roles actor, pg_database d
      where actor.rolname = coalesce($4, $3) and d.datname = current_database()
    ), false) as "mayMaintain"
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  left join pg_stat_all_tables s on s.relid = c.oid
  where c.oid = $1::oid
  and c.relkind in ('r', 'm', 'p')`;

/** The table with the statement that would look after it; undefined when it is gone. */
export async function careNow(
  query: SessionQuery,
  target: CareTarget,
  statement: string,
  context: MitigationContext,
): Promise<CareNow | undefined> {
  const owner = context.service.targets.postgres?.ownerRole ?? null;
  const values = [target.oid, statement, postgresOf(context).actionRole, owner];
  const [row] = await query<CareNow & Record<string, unknown>>(CARE_NOW, values);
  return row;
}

interface Vacuum extends Record<string, unknown> {
  pid: number;
  automatic: boolean;
  preventsWraparound: boolean;
}

/** Why the table is not analysed or vacuumed; null when it may be. `done` is what would already have happened. */
export async function careRefusal(
  query: SessionQuery,
  target: CareTarget,
  now: CareNow | undefined,
  done: 'lastAnalyze' | 'lastVacuum',
  { service }: MitigationContext,
): Promise<string | null> {
  const changed = tableChange(target, now);
  if (changed !== null || !now) return changed;
  const name = tableName(target);
  if (now[done] !== target[done]) {
    const what = done === 'lastAnalyze' ? 'analysed' : 'vacuumed';
    return `${name} has been ${what} since it was proposed (${now[done] ?? 'the statistics were reset'})`;
  }
  const [vacuum] = await query<Vacuum>(VACUUMS_NOW, [target.oid]);
  if (vacuum?.preventsWraparound)
    return `autovacuum (pid ${vacuum.pid}) works on ${name} against wraparound, and must not be disturbed`;
  if (vacuum) return `pid ${vacuum.pid} is vacuuming or analysing ${name} already`;
  if (now.mayMaintain) return null;
  const role = service.targets.postgres?.ownerRole ?? 'the role of approved acts';
  return `${role} may not maintain ${name}: grant maintain on it (PostgreSQL 17), or set targets.postgres.ownerRole to its owner (docs/permissions.md)`;
}

/** What is known of the table, in lines. */
export function describeCare(dryRun: CareDryRun): string[] {
  const { rows, bytes, deadRows, liveRows, modifiedSinceAnalyze, lastAnalyze, lastVacuum, autovacuum } =
    dryRun;
  const known =
    rows === null ? 'never counted by the planner' : `${Math.round(rows)} rows as the planner knows`;
  return [
    `${size(bytes)}, ${known}, ${Math.round(liveRows)} live and ${Math.round(deadRows)} dead ones as counted.`,
    `${Math.round(modifiedSinceAnalyze)} changes since it was analysed (${lastAnalyze ?? 'never'}); vacuumed: ${lastVacuum ?? 'never'}.`,
    `Autovacuum is ${autovacuum ? 'on' : 'off'} for it.`,
  ];
}

/** A line about the time: an estimate, and called one. */
export const takesAbout = (ms: number): string => `It takes about ${age(ms)} (an estimate).`;

/** That part of the target and of the dry run which the table itself tells. */
export const dryRunOf = (now: CareNow): CareDryRun => CareDryRun.parse(now);
