import type { SessionQuery } from '../targets/postgres.ts';
import { MAINTENANCE_LOCK_MS, MAINTENANCE_MS } from './analyze.ts';
import { asProbe } from './index-look.ts';
import { carryOut } from './long-change.ts';
import type { Effect, Look, Mitigation, MitigationContext, Verification } from './mitigation.ts';
import { noSignals } from './signal.ts';
import {
  CareDryRun,
  CareTarget,
  careNow,
  careRefusal,
  describeCare,
  dryRunOf,
  takesAbout,
} from './table-care.ts';
import { tableName } from './table-ref.ts';
import { age } from './words.ts';

// Giving the empty end of the table back to the disk takes ACCESS EXCLUSIVE: not in an incident.
const STATEMENT = 'vacuum (analyze, truncate false) %s';
/** Of autovacuum, where a manual VACUUM has none: it rests so that the requests get the disk (PostgreSQL manual). */
const COST_DELAY_MS = 2;
// With the default limit of 200 it dirties ten pages, then rests; see "Cost-based Vacuum Delay".
const BYTES_PER_MS = 30_000;

/** Removes the dead rows of one table, and gives the planner fresh statistics of it. */
export const vacuumAnalyze: Mitigation<CareTarget, CareDryRun> = {
  kind: 'vacuum-analyze',
  verb: 'Vacuum',
  risk: 'medium',
  undo: 'It cannot be taken back, and need not be: only rows that nobody can see are removed.',
  budget: 'maintenance',
  executeMs: MAINTENANCE_MS,
  unavailable: noSignals,
  target: CareTarget,
  dryRun: CareDryRun,
  describe: (target) => `dead rows of the table ${tableName(target)}`,

  describeDryRun: (dryRun) => [
    ...describeCare(dryRun),
    takesAbout(1_000 + (2 * dryRun.bytes) / BYTES_PER_MS),
    `It rests ${COST_DELAY_MS} ms again and again (vacuum_cost_delay), and still takes some of the disk. What an old transaction may still see stays.`,
    'Locks: SHARE UPDATE EXCLUSIVE on the table. Reads and writes go on.',
  ],

  async look(target, context): Promise<Look<CareDryRun>> {
    const found = await prepare(asProbe(context), target, context);
    return 'reason' in found
      ? { state: 'changed', reason: found.reason }
      : { state: 'same', dryRun: found.dryRun };
  },

  async execute(target, context): Promise<Effect> {
    const outcome = await carryOut({
      context,
      limitMs: context.service.mitigations.maintenanceLimit,
      setting: 'mitigations.maintenanceLimit',
      settings: { lock_timeout: MAINTENANCE_LOCK_MS, vacuum_cost_delay: COST_DELAY_MS },
      asOwner: true,
      prepare: (query) => prepare(query, target, context),
      progress: (pid, signal) => progress(asProbe(context, signal), pid),
    });
    if ('reason' in outcome) return { effect: 'target-changed', reason: outcome.reason };
    return { effect: 'done', detail: `${tableName(target)} was vacuumed in ${age(outcome.tookMs)}` };
  },

  async verify(target, context): Promise<Verification> {
    const now = await careNow(asProbe(context), target, STATEMENT, context);
    const name = tableName(target);
    if (!now) return { effect: 'unknown', detail: `the table ${name} is gone` };
    if (now.lastVacuum === null || now.lastVacuum === target.lastVacuum)
      return { effect: 'did-not-take-place', detail: `${name} was not vacuumed` };
    const left = `${Math.round(now.deadRows)} dead rows are left`;
    return { effect: 'took-place', detail: `${name} was vacuumed at ${now.lastVacuum}; ${left}` };
  },
};

async function prepare(
  query: SessionQuery,
  target: CareTarget,
  context: MitigationContext,
): Promise<{ sql: string; dryRun: CareDryRun } | { reason: string }> {
  const now = await careNow(query, target, STATEMENT, context);
  const reason = await careRefusal(query, target, now, 'lastVacuum', context);
  if (reason !== null || !now) return { reason: reason ?? `the table ${tableName(target)} is gone` };
  return { sql: now.statement, dryRun: dryRunOf(now) };
}

interface Row extends Record<string, unknown> {
  phase: string;
  done: number | null;
  rounds: number;
}

async function progress(query: SessionQuery, pid: number): Promise<string | null> {
  const [row] = await query<Row>(
    `select phase, heap_blks_scanned::float8 / nullif(heap_blks_total, 0) as done, index_vacuum_count::int as rounds
     from pg_stat_progress_vacuum where pid = $1`,
    [pid],
  );
  if (!row) return null;
  const rounds = row.rounds > 0 ? `, round ${row.rounds} over the indexes done` : '';
  return `${row.phase}${row.done === null ? '' : `, ${Math.round(row.done * 100)} %`}${rounds}`;
}
