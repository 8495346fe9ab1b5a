import { appendAudit } from '../store/audit.ts';
import type { Db } from '../store/database.ts';
import { changeIncidentState, type Incident } from '../store/incidents.ts';
import { mitigationsOf, moveMitigation } from '../store/mitigations.ts';
import { addTimeline } from '../store/timeline.ts';

/**
 * Ends an incident inside the caller's transaction; null when it is over already. What was on offer or asked for is
 * withdrawn; what is being executed goes on to its end.
 */
export async function endIncident(
  db: Db,
  incidentId: number,
  by: string,
  data: { words?: string; p95Ms?: number | null; calmMs?: number } = {},
): Promise<Incident | null> {
  const from = ['investigating', 'monitoring'] as const;
  const words = data.words || null;
  const incident = await changeIncidentState(db, incidentId, [...from], 'resolved', by, words);
  if (!incident) return null;
  for (const row of await mitigationsOf(db, incidentId)) {
    await moveMitigation(
      db,
      row.id,
      ['proposed', 'requested', 'approved'],
      'withdrawn',
      'the incident was resolved',
    );
  }
  await addTimeline(db, incidentId, 'resolved', by, data);
  await appendAudit(db, {
    actor: by,
    kind: 'incident.resolved',
    subject: `incident:${incidentId}`,
    body: { service: incident.service },
  });
  return incident;
}
