import { appendAudit } from '../store/audit.ts';
import { type Incident, setLead } from '../store/incidents.ts';
import { addTimeline } from '../store/timeline.ts';
import type { IncidentDeps } from './deps.ts';
import { endIncident } from './end-incident.ts';
import { refusalToAct } from './may-act.ts';
import type { Refusal } from './policy.ts';

/** Of what somebody says when resolving. */
const MAX_WORDS = 1_000;

/** Makes this person the lead of the incident. */
export async function takeLead(
  deps: IncidentDeps,
  incidentId: number,
  userId: string,
): Promise<{ incident: Incident } | Refusal> {
  return lead(deps, incidentId, userId, userId);
}

/** Makes somebody else the lead; both have to be people who may act on the incident. */
export async function assignLead(
  deps: IncidentDeps,
  incidentId: number,
  toUser: string,
  byUser: string,
): Promise<{ incident: Incident } | Refusal> {
  const refusal = await refusalToAct(deps, incidentId, toUser);
  return refusal ?? lead(deps, incidentId, toUser, byUser);
}

async function lead(
  deps: IncidentDeps,
  incidentId: number,
  toUser: string,
  byUser: string,
): Promise<{ incident: Incident } | Refusal> {
  const refusal = await refusalToAct(deps, incidentId, byUser);
  if (refusal) return refusal;
  return deps.db.transaction(async (db): Promise<{ incident: Incident } | Refusal> => {
    const incident = await setLead(db, incidentId, toUser);
    if (!incident) return { refused: 'incident-over' };
    if (toUser === byUser) await addTimeline(db, incidentId, 'lead-taken', byUser);
    else await addTimeline(db, incidentId, 'lead-assigned', byUser, { lead: toUser });
    await appendAudit(db, {
      actor: byUser,
      kind: 'incident.lead',
      subject: `incident:${incidentId}`,
      body: { lead: toUser },
    });
    return { incident };
  });
}

/** Ends the incident, with a few words about why when the person has some. */
export async function resolveIncident(
  deps: IncidentDeps,
  incidentId: number,
  userId: string,
  words = '',
): Promise<{ incident: Incident } | Refusal> {
  const refusal = await refusalToAct(deps, incidentId, userId);
  if (refusal) return refusal;
  return deps.db.transaction(async (db): Promise<{ incident: Incident } | Refusal> => {
    const said = words.trim().slice(0, MAX_WORDS);
    const incident = await endIncident(db, incidentId, userId, said ? { words: said } : {});
    return incident ? { incident } : { refused: 'incident-over' };
  });
}
