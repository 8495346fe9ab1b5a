import { appendAudit } from '../store/audit.ts';
import type { Db } from '../store/database.ts';
import { changeIncidentState, findIncident, type Incident, inIncident } from '../store/incidents.ts';
import { addTimeline } from '../store/timeline.ts';
import { dueWatches, slowAgainUnseen } from '../store/watches.ts';
import type { IncidentDeps } from './deps.ts';
import { startRun } from './run.ts';

/** All alerts of the incident are resolved: from here on its latency is only watched. Null when it already was. */
export async function alertsResolved(deps: IncidentDeps, incidentId: number): Promise<Incident | null> {
  return inIncident(deps.db, incidentId, (db) => recordAlertsResolved(db, incidentId));
}

/** The same as part of a transaction that holds the incident. */
export async function recordAlertsResolved(db: Db, incidentId: number): Promise<Incident | null> {
  const incident = await changeIncidentState(db, incidentId, ['investigating'], 'monitoring', null);
  if (!incident) return null;
  await addTimeline(db, incidentId, 'alerts-resolved', 'latency-bot');
  await appendAudit(db, {
    actor: 'latency-bot',
    kind: 'incident.monitoring',
    subject: `incident:${incidentId}`,
    body: { service: incident.service },
  });
  return incident;
}

/**
 * Watches what is in `monitoring`, and looks where the time goes at what got slow again. What is due stands in the
 * store: a restart loses nothing.
 */
export async function sweepLife(deps: IncidentDeps): Promise<void> {
  for (const id of await dueWatches(deps.db)) await look(deps, id, 'watch');
  for (const id of await slowAgainUnseen(deps.db)) await look(deps, id, 'triage');
}

async function look(deps: IncidentDeps, incidentId: number, kind: 'watch' | 'triage'): Promise<void> {
  try {
    const incident = await findIncident(deps.db, incidentId);
    if (!incident) return;
    const request = { kind, requestedBy: 'latency-bot', mitigationId: null };
    // Another run may be under way: it stays due.
    await startRun(deps, incident, kind === 'watch' ? { ...request, probeId: 'api-latency' } : request);
  } catch (err) {
    deps.log.error({ err, incidentId }, 'looking at a watched incident');
  }
}
