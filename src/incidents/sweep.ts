import { appendAudit } from '../store/audit.ts';
import { dueRecoveryChecks, stuckMitigations } from '../store/executions.ts';
import { findIncident, inIncident } from '../store/incidents.ts';
import {
  approvedMitigations,
  expireMitigation,
  type MitigationRow,
  overdueMitigations,
} from '../store/mitigations.ts';
import { abandonRun, incidentsWithoutRun, overdueRuns, type Run, runsWithLostBell } from '../store/runs.ts';
import { addTimeline } from '../store/timeline.ts';
import { dueUndos } from '../store/undos.ts';
import type { IncidentDeps } from './deps.ts';
import { settleInterrupted } from './mitigate.ts';
import { checkRecovery } from './recovery.ts';
import { closeRun, ringRun, startRun } from './run.ts';
import { SILENCE_MS } from './running.ts';
import { undoInTime } from './undo.ts';

/** A run that was not rung for this long may have lost its jobs. */
const BELL_SILENCE_MS = 6_000;
/** A run that cannot be closed must not keep its service from being looked at for ever. */
const ABANDON_AFTER_MS = 60_000;

/**
 * Finds what waits in the store and gets it moving again: the queue is a bell, not a ledger. Called at start and
 * every few seconds; everything it does is a compare-and-set, so several processes may sweep at once.
 */
export async function sweep(deps: IncidentDeps, options: { starting: boolean }): Promise<void> {
  const { db } = deps;
  const silenceMs = options.starting ? 0 : BELL_SILENCE_MS;
  await each(deps, 'expiring', await overdueMitigations(db), (row) => expire(deps, row));
  await each(deps, 'starting a run', await incidentsWithoutRun(db), (id) => runFirst(deps, id));
  await each(deps, 'closing a run', await runsWithLostBell(db, silenceMs), async (run) => {
    if (!(await closeRun(deps, run.id))) await ringRun(deps, run);
  });
  await each(deps, 'abandoning a run', await overdueRuns(db, ABANDON_AFTER_MS), (run) => giveUp(deps, run));
  await each(deps, 'settling', await stuckMitigations(db, SILENCE_MS), (row) => settleInterrupted(deps, row));
  await each(deps, 'undoing', await dueUndos(db), (undo) => undoInTime(deps, undo));
  await each(deps, 'ringing', await approvedMitigations(db), (row) => deps.bell.action(row.id));
  await each(deps, 'checking', await dueRecoveryChecks(db), (row) => checkRecovery(deps, row.id));
}

/** What fails costs itself and no other; the next sweep comes back to it. */
async function each<T extends number | { id: number }>(
  deps: IncidentDeps,
  what: string,
  items: T[],
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  for (const item of items) {
    try {
      await work(item);
      deps.metrics?.sweepRepairs.inc({ what });
    } catch (err) {
      deps.log.error({ err, what, id: typeof item === 'number' ? item : item.id }, 'sweeping');
    }
  }
}

async function runFirst(deps: IncidentDeps, id: number): Promise<void> {
  const incident = await findIncident(deps.db, id);
  if (!incident) return;
  await startRun(deps, incident, { kind: 'triage', requestedBy: incident.openedBy, mitigationId: null });
}

async function giveUp(deps: IncidentDeps, { id, incidentId }: Run): Promise<void> {
  await inIncident(deps.db, incidentId, async (db) => {
    if (!(await abandonRun(db, id))) return;
    await addTimeline(db, incidentId, 'run-abandoned', 'latency-bot', { runId: id });
    await appendAudit(db, {
      actor: 'latency-bot',
      kind: 'run.abandoned',
      subject: `run:${id}`,
      body: { incident: incidentId },
    });
  });
}

async function expire(deps: IncidentDeps, { id, incidentId }: MitigationRow): Promise<void> {
  await inIncident(deps.db, incidentId, async (db) => {
    const row = await expireMitigation(db, id);
    if (!row) return;
    await addTimeline(db, incidentId, 'expired', 'latency-bot', { mitigationId: id, title: row.title });
    await appendAudit(db, {
      actor: 'latency-bot',
      kind: 'mitigation.expired',
      subject: `mitigation:${id}`,
      body: { incident: incidentId },
    });
  });
}
