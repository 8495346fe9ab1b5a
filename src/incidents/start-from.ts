import { appendAudit } from '../store/audit.ts';
import { type Incident, inIncident } from '../store/incidents.ts';
import { addTimeline } from '../store/timeline.ts';
import type { IncidentDeps } from './deps.ts';
import { openIncident } from './open-incident.ts';
import { startRun } from './run.ts';

const MAX_QUOTED = 1_000;

/** What made somebody ask, where it is more than a click. */
export interface Occasion {
  service: string;
  channel: string;
  userId: string;
  source: 'shortcut' | 'message-shortcut';
  /** What they wrote, or the message they pointed at; outside text. */
  text: string;
  /** Where that message is. */
  url: string | null;
}

/** Opens or joins the incident of a service with what made somebody ask, and has it looked at. */
export async function startFrom(
  deps: IncidentDeps,
  { service, channel, userId, source, text, url }: Occasion,
): Promise<{ incident: Incident; opened: boolean }> {
  const title = source === 'shortcut' ? 'the shortcut' : 'a message';
  const found = await openIncident(deps, { service, channel, source, title, actor: userId });
  if (text !== '' || url !== null) {
    await inIncident(deps.db, found.incident.id, async (db, { id }) => {
      await addTimeline(db, id, 'occasion', userId, { text: text.slice(0, MAX_QUOTED), url });
      await appendAudit(db, {
        actor: userId,
        kind: 'incident.occasion',
        subject: `incident:${id}`,
        body: { source, characters: text.length, linked: url !== null },
      });
    });
  }
  await startRun(deps, found.incident, { kind: 'triage', requestedBy: userId, mitigationId: null });
  return found;
}
