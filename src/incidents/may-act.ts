import { findIncident } from '../store/incidents.ts';
import { type IncidentDeps, serviceOf } from './deps.ts';
import { groupsOfPolicy, mayRequest, type Refusal } from './policy.ts';

/** Why this person may not change anything about the incident; null when they may. */
export async function refusalToAct(
  deps: IncidentDeps,
  incidentId: number,
  userId: string,
): Promise<Refusal | null> {
  const incident = await findIncident(deps.db, incidentId);
  const service = incident && serviceOf(deps, incident.service);
  if (!service) return { refused: 'not-found' };
  const person = await deps.people.lookUp(userId, groupsOfPolicy(service.approvals)).catch((err) => {
    deps.log.warn({ err, slackUserId: userId }, 'looking up a person');
    return null;
  });
  return person ? mayRequest(service.approvals, person) : { refused: 'people-unknown' };
}
