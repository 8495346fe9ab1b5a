import { userMessageOf } from '../errors.ts';
import type { Budget, MitigationContext, Verification } from '../mitigations/mitigation.ts';
import { appendAudit } from '../store/audit.ts';
import type { Db } from '../store/database.ts';
import { type OutcomeRecord, recordOutcome } from '../store/executions.ts';
import { findIncident, inIncident } from '../store/incidents.ts';
import { type MitigationRow, moveMitigation } from '../store/mitigations.ts';
import { addTimeline } from '../store/timeline.ts';
import { closeUndos, insertUndo, leaveUndoToPeople, type NewUndo } from '../store/undos.ts';
import type { IncidentDeps } from './deps.ts';
import { mitigationOf } from './kinds.ts';
import { about, auditOf } from './mitigation-record.ts';
import { startRun } from './run.ts';
import { undoFor } from './undo-for.ts';

/** Limit of the look that follows an act. */
export const VERIFY_DEADLINE_MS = 6_000;

/**
 * When recovery is looked at first. Held-up requests need a moment to drain, a Gunicorn worker has to load its
 * application, and a setting of a role counts for new sessions only.
 */
const FIRST_CHECK_MS: Record<Budget, number> = {
  sessions: 3_000,
  indexes: 5_000,
  maintenance: 5_000,
  pools: 5_000,
  workers: 10_000,
  settings: 20_000,
};

/** Looks whether the effect is there; never acts, and never throws. */
export async function verify(
  deps: IncidentDeps,
  row: MitigationRow,
  context: Omit<MitigationContext, 'signal'>,
): Promise<Verification> {
  const mitigation = mitigationOf(row.kind);
  if (!mitigation) return { effect: 'unknown', detail: 'this kind of mitigation is not known any more' };
  try {
    const target = mitigation.target.parse(row.target);
    return await mitigation.verify(target, { ...context, signal: AbortSignal.timeout(VERIFY_DEADLINE_MS) });
  } catch (err) {
    deps.log.error({ err, mitigationId: row.id }, 'verifying a mitigation');
    return { effect: 'unknown', detail: `the effect could not be checked: ${userMessageOf(err)}` };
  }
}

/** What a look at the effect means for the record. */
export function outcomeOf({ effect }: Verification): OutcomeRecord['state'] {
  if (effect === 'took-place') return 'succeeded';
  return effect === 'unknown' ? 'interrupted' : 'failed';
}

/** Records how an execution ended, with what takes it back, and has the service looked at again where nothing came of it. */
export async function finish(
  deps: IncidentDeps,
  row: MitigationRow,
  state: OutcomeRecord['state'],
  detail: string,
  did: Record<string, unknown> | null = null,
): Promise<void> {
  const { claim: holder } = row;
  if (!holder) return;
  const undo = state === 'succeeded' ? undoFor(deps, row, did ?? {}) : null;
  deps.onStep?.('before-record');
  const recorded = await inIncident(deps.db, row.incidentId, async (db) => {
    const outcome = { state, detail, did, firstCheckInMs: firstCheckMs(row) };
    if (!(await recordOutcome(db, row.id, holder, outcome))) return false;
    await settleUndos(db, row, state, undo);
    await addTimeline(db, row.incidentId, state, 'latency-bot', { ...about(row), detail });
    await appendAudit(db, auditOf(row, state, undo ? { undo: undo.targetHash } : {}));
    return true;
  });
  deps.onStep?.('after-record');
  if (!recorded) {
    const log = { mitigationId: row.id, incidentId: row.incidentId, outcome: state, detail };
    deps.log.error(log, 'the outcome of a mitigation was not recorded: its claim was settled by another');
  }
  if (recorded && (state === 'failed' || state === 'target-changed')) await lookAgain(deps, row);
}

/** Whether taking a change back helps the latency is not what is asked of it. */
function firstCheckMs(row: MitigationRow): number | null {
  const budget = mitigationOf(row.kind)?.budget;
  return row.undoes !== null || !budget ? null : FIRST_CHECK_MS[budget];
}

async function settleUndos(
  db: Db,
  row: MitigationRow,
  state: OutcomeRecord['state'],
  undo: NewUndo | null,
): Promise<void> {
  // What is no longer as it was left is not for a clock to take back.
  if (state === 'target-changed' && row.undoes !== null) await leaveUndoToPeople(db, row.undoes);
  if (state !== 'succeeded') return;
  for (const closed of await closeUndos(db, row)) {
    await addTimeline(db, closed.incidentId, 'undone', 'latency-bot', {
      mitigationId: row.id,
      title: closed.changed,
    });
  }
  if (undo) await insertUndo(db, undo);
}

/** Cut off in the middle: only looking can tell what became of it. False when it was settled meanwhile. */
export function markInterrupted(deps: IncidentDeps, row: MitigationRow): Promise<boolean> {
  return inIncident(deps.db, row.incidentId, async (db) => {
    if (!(await moveMitigation(db, row.id, ['executing'], 'interrupted'))) return false;
    await addTimeline(db, row.incidentId, 'interrupted', 'latency-bot', about(row));
    await appendAudit(db, auditOf(row, 'interrupted'));
    return true;
  });
}

/** What did not take place needs a fresh offer, and that a fresh look; nothing is asked for or done by it. */
async function lookAgain(deps: IncidentDeps, row: MitigationRow): Promise<void> {
  const incident = await findIncident(deps.db, row.incidentId);
  if (!incident || incident.state === 'resolved') return;
  await startRun(deps, incident, { kind: 'triage', requestedBy: 'latency-bot', mitigationId: null });
}
