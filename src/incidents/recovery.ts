import { findIncident } from '../store/incidents.ts';
import { findMitigation } from '../store/mitigations.ts';
import type { IncidentDeps } from './deps.ts';
import { startRun } from './run.ts';

/** Starts the next look at whether a mitigation helped, if one is due and no other run is under way. */
export async function checkRecovery(deps: IncidentDeps, mitigationId: number): Promise<void> {
  const mitigation = await findMitigation(deps.db, mitigationId);
  const incident = mitigation && (await findIncident(deps.db, mitigation.incidentId));
  if (!incident) return;
  await startRun(deps, incident, { kind: 'recovery', requestedBy: 'latency-bot', mitigationId });
}
