import { noIncidentText, whichIncidentText } from '../../blocks/command-answers.ts';
import type { IncidentDeps } from '../../incidents/deps.ts';
import { findIncident, type Incident, openIncidentOf, recentIncidents } from '../../store/incidents.ts';
import { incidentOfThread } from '../../store/messages.ts';
import type { Use } from './command.ts';
import { serviceHere } from './find-service.ts';

/** A select of Slack offers 100. */
const MAX_OPEN = 100;

/** Where somebody is while they ask. */
export interface Place {
  channel: string;
  threadTs: string | null;
}

/** The incident that is meant: the one named, that of the thread, or the open one here; or why it is none. */
export async function findIncidentMeant(use: Use): Promise<Incident | { text: string }> {
  const { deps, asked, incidentId } = use;
  if (incidentId !== null) {
    return (await findIncident(deps.db, incidentId)) ?? { text: noIncidentText(incidentId) };
  }
  const here = await incidentHere(deps, asked);
  if (here) return here;
  const open = await openIncidents(deps);
  return { text: open.length > 0 ? whichIncidentText(open) : noIncidentText(null) };
}

/** The incident of a thread, or the open one of a channel; null when that is none, or not only one. */
export async function incidentHere(
  deps: IncidentDeps,
  { channel, threadTs }: Place,
): Promise<Incident | null> {
  if (threadTs !== null) {
    const id = await incidentOfThread(deps.db, channel, threadTs);
    if (id !== null) return findIncident(deps.db, id);
  }
  const service = serviceHere(deps, channel);
  if (service) {
    const ofService = await openIncidentOf(deps.db, service.id);
    if (ofService) return ofService;
  }
  const [only, ...others] = (await openIncidents(deps)).filter((one) => one.channel === channel);
  return only && others.length === 0 ? only : null;
}

/** Those that are open, newest first: at most as many as a select offers. */
export async function openIncidents({ db }: Pick<IncidentDeps, 'db'>): Promise<Incident[]> {
  return (await recentIncidents(db, MAX_OPEN)).filter((incident) => incident.state !== 'resolved');
}
