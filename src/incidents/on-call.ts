import type { NamedService } from '../config/schema.ts';
import type { Db } from '../store/database.ts';
import type { Incident } from '../store/incidents.ts';
import { addTimeline, hasTimeline } from '../store/timeline.ts';

/** Notes that the on-call group is called to a P1, once per incident; the publisher mentions it. */
export async function callOnCall(db: Db, incident: Incident, service: NamedService): Promise<void> {
  const group = service.incidents.onCallGroup;
  if (!group || (await hasTimeline(db, incident.id, 'on-call-called'))) return;
  await addTimeline(db, incident.id, 'on-call-called', 'latency-bot', { group });
}
