import { appendAudit } from '../store/audit.ts';
import { type Incident, inIncident } from '../store/incidents.ts';
import { addTimeline } from '../store/timeline.ts';
import type { IncidentDeps } from './deps.ts';
import { refusalToAct } from './may-act.ts';
import type { Refusal } from './policy.ts';

/** Has the publisher put the report into the thread. */
export async function askReport(
  deps: IncidentDeps,
  incidentId: number,
  userId: string,
): Promise<{ incident: Incident } | Refusal> {
  const refusal = await refusalToAct(deps, incidentId, userId);
  if (refusal) return refusal;
  return inIncident(deps.db, incidentId, async (db, incident) => {
    await addTimeline(db, incidentId, 'report-asked', userId);
    await appendAudit(db, {
      actor: userId,
      kind: 'incident.report',
      subject: `incident:${incidentId}`,
      body: {},
    });
    return { incident };
  });
}
