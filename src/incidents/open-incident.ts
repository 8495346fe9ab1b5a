import { appendAudit } from '../store/audit.ts';
import {
  type Alert,
  addAlert,
  findIncident,
  type Incident,
  insertIncident,
  openIncidentOf,
} from '../store/incidents.ts';
import { addTimeline } from '../store/timeline.ts';
import type { IncidentDeps } from './deps.ts';

export interface Trigger extends Alert {
  service: string;
  channel: string;
}

/**
 * Opens an incident for a service, or joins the one that is open: one thread however many triggers arrive. What it
 * returns is committed.
 */
export async function openIncident(
  deps: IncidentDeps,
  trigger: Trigger,
): Promise<{ incident: Incident; opened: boolean }> {
  return deps.db.transaction(async (db) => {
    const { service, channel } = trigger;
    const openedBy = trigger.actor ?? trigger.source;
    for (;;) {
      const created = await insertIncident(db, { service, channel, openedBy, lead: trigger.actor });
      const incident = created ?? (await openIncidentOf(db, service));
      // Resolved between the two statements: try again.
      if (!incident) continue;
      await addAlert(db, incident.id, trigger);
      const kind = created ? 'opened' : 'joined';
      await addTimeline(db, incident.id, kind, openedBy, { source: trigger.source, title: trigger.title });
      await appendAudit(db, {
        actor: openedBy,
        kind: `incident.${kind}`,
        subject: `incident:${incident.id}`,
        body: { service, source: trigger.source },
      });
      return { incident: (await findIncident(db, incident.id)) ?? incident, opened: created !== null };
    }
  });
}
