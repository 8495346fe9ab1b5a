import { appendAudit } from '../store/audit.ts';
import type { Db } from '../store/database.ts';
import { type Incident, inIncident, storeSeverity } from '../store/incidents.ts';
import { runsOf } from '../store/runs.ts';
import { addTimeline } from '../store/timeline.ts';
import { type IncidentDeps, serviceOf } from './deps.ts';
import { refusalToAct } from './may-act.ts';
import { callOnCall } from './on-call.ts';
import type { Refusal } from './policy.ts';

const MAX_REASON = 500;

/** A person's word about the severity. Lowered, it stays so until something worse than now is measured. */
export async function setSeverity(
  deps: IncidentDeps,
  incidentId: number,
  severity: 'P1' | 'P2',
  userId: string,
  reason: string,
): Promise<{ incident: Incident } | Refusal> {
  const refusal = await refusalToAct(deps, incidentId, userId);
  if (refusal) return refusal;
  return inIncident(deps.db, incidentId, async (db, before): Promise<{ incident: Incident } | Refusal> => {
    if (before.state === 'resolved') return { refused: 'incident-over' };
    const why = reason.trim().slice(0, MAX_REASON);
    const held = severity === 'P2' ? await measuredNow(db, incidentId) : null;
    const incident = await storeSeverity(db, incidentId, severity, why, held);
    if (!incident) return { refused: 'incident-over' };
    await addTimeline(db, incidentId, 'severity', userId, {
      from: before.severity,
      to: severity,
      reason: why,
    });
    const service = serviceOf(deps, incident.service);
    if (severity === 'P1' && service) await callOnCall(db, incident, service);
    await appendAudit(db, {
      actor: userId,
      kind: 'incident.severity',
      subject: `incident:${incidentId}`,
      body: { from: before.severity, to: severity },
    });
    return { incident };
  });
}

async function measuredNow(db: Db, incidentId: number) {
  const runs = await runsOf(db, incidentId);
  const scope = runs.findLast(({ diagnosis }) => diagnosis !== null)?.diagnosis?.scope;
  return { p95Ms: scope?.p95Ms ?? null, errorRate: scope?.errorRate ?? null };
}
