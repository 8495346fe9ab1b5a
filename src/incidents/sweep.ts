import { appendAudit } from '../store/audit.ts';
import { findIncident } from '../store/incidents.ts';
import {
  approvedMitigations,
  dueRecoveryChecks,
  expireMitigations,
  stuckMitigations,
} from '../store/mitigations.ts';
import { incidentsWithoutRun, runsWithLostBell } from '../store/runs.ts';
import { addTimeline } from '../store/timeline.ts';
import type { IncidentDeps } from './deps.ts';
import { EXECUTE_DEADLINE_MS, settleInterrupted, VERIFY_DEADLINE_MS } from './mitigate.ts';
import { checkRecovery } from './recovery.ts';
import { closeRun, ringRun, startRun } from './run.ts';

/** A run that was not rung for this long may have lost its jobs. */
const BELL_SILENCE_MS = 6_000;
const STUCK_AFTER_MS = EXECUTE_DEADLINE_MS + VERIFY_DEADLINE_MS + 1_000;

/**
 * Finds what waits in the store and gets it moving again: the queue is a bell, not a ledger. Called at start and
 * every few seconds; everything it does is a compare-and-set, so several processes may sweep at once.
 */
export async function sweep(deps: IncidentDeps, options: { starting: boolean }): Promise<void> {
  await expire(deps);
  for (const id of await incidentsWithoutRun(deps.db)) {
    const incident = await findIncident(deps.db, id);
    if (incident)
      await startRun(deps, incident, { kind: 'triage', requestedBy: incident.openedBy, mitigationId: null });
  }
  for (const run of await runsWithLostBell(deps.db, options.starting ? 0 : BELL_SILENCE_MS)) {
    if (!(await closeRun(deps, run.id))) await ringRun(deps, run);
  }
  for (const row of await stuckMitigations(deps.db, STUCK_AFTER_MS)) await settleInterrupted(deps, row);
  for (const row of await approvedMitigations(deps.db)) await deps.bell.action(row.id);
  for (const row of await dueRecoveryChecks(deps.db)) await checkRecovery(deps, row.id);
}

async function expire(deps: IncidentDeps): Promise<void> {
  await deps.db.transaction(async (db) => {
    for (const row of await expireMitigations(db)) {
      await addTimeline(db, row.incidentId, 'expired', 'latency-bot', {
        mitigationId: row.id,
        title: row.title,
      });
      await appendAudit(db, {
        actor: 'latency-bot',
        kind: 'mitigation.expired',
        subject: `mitigation:${row.id}`,
        body: { incident: row.incidentId },
      });
    }
  });
}
