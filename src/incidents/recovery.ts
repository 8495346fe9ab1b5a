import { findIncident } from '../store/incidents.ts';
import { findMitigation, scheduleRecoveryCheck } from '../store/mitigations.ts';
import type { IncidentDeps } from './deps.ts';
import { RECOVERY_CHECK_INTERVAL_MS } from './judge-recovery.ts';
import { startRun } from './run.ts';

/** Starts the next look at whether a mitigation helped, if one is due. */
export async function checkRecovery(deps: IncidentDeps, mitigationId: number): Promise<void> {
  const mitigation = await findMitigation(deps.db, mitigationId);
  if (mitigation?.state !== 'succeeded') return;
  const incident = await findIncident(deps.db, mitigation.incidentId);
  if (!incident) return;
  const run = await startRun(deps, incident, {
    kind: 'recovery',
    requestedBy: 'latency-bot',
    mitigationId,
  });
  // Another run is under way: the sweep comes back.
  if (!run) return;
  // Should this run get lost, the next check is due one interval after its deadline.
  await scheduleRecoveryCheck(
    deps.db,
    mitigation,
    run.deadlineAt.getTime() - run.startedAt.getTime() + RECOVERY_CHECK_INTERVAL_MS,
  );
}
