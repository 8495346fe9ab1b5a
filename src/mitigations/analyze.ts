import type { SessionQuery } from '../targets/postgres.ts';
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

/** The most that mitigations.maintenanceLimit can be, and time for its end. */
export const MAINTENANCE_MS = 21_600_000 + 60_000;
/** Whoever has a lock that conflicts is doing something else to the table: do not queue behind it. */
export const MAINTENANCE_LOCK_MS = 5_000;

const STATEMENT = 'analyze %s';
// ANALYZE reads a sample of at most 300 pages for every point of default_statistics_target, 100 by default
// (PostgreSQL manual, "ANALYZE"), at random.
const SAMPLE_BYTES = 30_000 * 8_192;
const RANDOM_BYTES_PER_MS = 20_000;

/** Gives the planner fresh statistics of one table. */
export const analyze: Mitigation<CareTarget, CareDryRun> = {
  kind: 'analyze',
  verb: 'Analyze',
  risk: 'low',
  undo: 'It cannot be taken back, and need not be: it changes what the planner knows, no row.',
  budget: 'maintenance',
  executeMs: MAINTENANCE_MS,
  unavailable: noSignals,
  target: CareTarget,
  dryRun: CareDryRun,
  describe: (target) => `statistics of the table ${tableName(target)}`,

  describeDryRun: (dryRun) => [
    ...describeCare(dryRun),
    takesAbout(1_000 + Math.min(dryRun.bytes, SAMPLE_BYTES) / RANDOM_BYTES_PER_MS),
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
      settings: { lock_timeout: MAINTENANCE_LOCK_MS },
      asOwner: true,
      prepare: (query) => prepare(query, target, context),
      progress: (pid, signal) => progress(asProbe(context, signal), pid),
    });
    if ('reason' in outcome) return { effect: 'target-changed', reason: outcome.reason };
    return { effect: 'done', detail: `${tableName(target)} was analysed in ${age(outcome.tookMs)}` };
  },

  async verify(target, context): Promise<Verification> {
    const now = await careNow(asProbe(context), target, STATEMENT, context);
    const name = tableName(target);
    if (!now) return { effect: 'unknown', detail: `the table ${name} is gone` };
    // A role that may not is only warned by PostgreSQL: that statistics are new is the proof, not that it ended.
    return now.lastAnalyze !== null && now.lastAnalyze !== target.lastAnalyze
      ? { effect: 'took-place', detail: `${name} was analysed at ${now.lastAnalyze}` }
      : { effect: 'did-not-take-place', detail: `${name} has no newer statistics than before` };
  },
};

async function prepare(
  query: SessionQuery,
  target: CareTarget,
  context: MitigationContext,
): Promise<{ sql: string; dryRun: CareDryRun } | { reason: string }> {
  const now = await careNow(query, target, STATEMENT, context);
  const reason = await careRefusal(query, target, now, 'lastAnalyze', context);
  if (reason !== null || !now) return { reason: reason ?? `the table ${tableName(target)} is gone` };
  return { sql: now.statement, dryRun: dryRunOf(now) };
}

interface Row extends Record<string, unknown> {
  phase: string;
  done: number | null;
}

async function progress(query: SessionQuery, pid: number): Promise<string | null> {
  const [row] = await query<Row>(
    `select phase, sample_blks_scanned::float8 / nullif(sample_blks_total, 0) as done
     from pg_stat_progress_analyze where pid = $1`,
    [pid],
  );
  if (!row) return null;
  return row.done === null ? row.phase : `${row.phase}, ${Math.round(row.done * 100)} %`;
}
