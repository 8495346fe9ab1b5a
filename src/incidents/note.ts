import { appendAudit } from '../store/audit.ts';
import { type Incident, inIncident } from '../store/incidents.ts';
import { addTimeline } from '../store/timeline.ts';
import type { IncidentDeps } from './deps.ts';
import { refusalToAct } from './may-act.ts';
import type { Refusal } from './policy.ts';

/** Of one note; what Slack lets a modal's text field hold. */
export const MAX_NOTE = 3_000;

/** Adds what a person wrote to the timeline, of a resolved incident too: post-mortems are written later. */
export async function addNote(
  deps: IncidentDeps,
  incidentId: number,
  userId: string,
  text: string,
): Promise<{ incident: Incident } | Refusal> {
  const refusal = await refusalToAct(deps, incidentId, userId);
  if (refusal) return refusal;
  const note = text.trim().slice(0, MAX_NOTE);
  return inIncident(deps.db, incidentId, async (db, incident) => {
    // Nothing was written: there is nothing to add, and nothing failed.
    if (note === '') return { incident };
    await addTimeline(db, incidentId, 'note', userId, { text: note });
    await appendAudit(db, {
      actor: userId,
      kind: 'incident.note',
      subject: `incident:${incidentId}`,
      body: { characters: note.length },
    });
    return { incident };
  });
}
