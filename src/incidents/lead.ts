import { appendAudit } from '../store/audit.ts';
import { changeIncidentState, findIncident, type Incident, setLead } from '../store/incidents.ts';
import { mitigationsOf, moveMitigation } from '../store/mitigations.ts';
import { addTimeline } from '../store/timeline.ts';
import { type IncidentDeps, serviceOf } from './deps.ts';
import { groupsOfPolicy, mayRequest, type Refusal } from './policy.ts';

/** Makes this person the lead of the incident. */
export async function takeLead(
  deps: IncidentDeps,
  incidentId: number,
  userId: string,
): Promise<{ incident: Incident } | Refusal> {
  const refusal = await refusalOf(deps, incidentId, userId);
  if (refusal) return refusal;
  return deps.db.transaction(async (db): Promise<{ incident: Incident } | Refusal> => {
    const incident = await setLead(db, incidentId, userId);
    if (!incident) return { refused: 'incident-over' };
    await addTimeline(db, incidentId, 'lead-taken', userId);
    return { incident };
  });
}

/** Ends the incident. What was on offer or asked for is withdrawn; what is being executed goes on to its end. */
export async function resolveIncident(
  deps: IncidentDeps,
  incidentId: number,
  userId: string,
): Promise<{ incident: Incident } | Refusal> {
  const refusal = await refusalOf(deps, incidentId, userId);
  if (refusal) return refusal;
  return deps.db.transaction(async (db): Promise<{ incident: Incident } | Refusal> => {
    const incident = await changeIncidentState(
      db,
      incidentId,
      ['investigating', 'monitoring'],
      'resolved',
      userId,
    );
    if (!incident) return { refused: 'incident-over' };
    for (const row of await mitigationsOf(db, incidentId)) {
      await moveMitigation(
        db,
        row.id,
        ['proposed', 'requested', 'approved'],
        'withdrawn',
        'the incident was resolved',
      );
    }
    await addTimeline(db, incidentId, 'resolved', userId);
    await appendAudit(db, {
      actor: userId,
      kind: 'incident.resolved',
      subject: `incident:${incidentId}`,
      body: { service: incident.service },
    });
    return { incident };
  });
}

async function refusalOf(deps: IncidentDeps, incidentId: number, userId: string): Promise<Refusal | null> {
  const incident = await findIncident(deps.db, incidentId);
  const service = incident && serviceOf(deps, incident.service);
  if (!service) return { refused: 'not-found' };
  const person = await deps.people.lookUp(userId, groupsOfPolicy(service.approvals)).catch((err) => {
    deps.log.warn({ err, slackUserId: userId }, 'looking up a person');
    return null;
  });
  return person ? mayRequest(service.approvals, person) : { refused: 'people-unknown' };
}
