import type { NamedService } from '../config/schema.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import type { Db } from '../store/database.ts';
import { type Incident, recordMeasurement } from '../store/incidents.ts';
import { addTimeline } from '../store/timeline.ts';
import { callOnCall } from './on-call.ts';

/** Two looks at the same trouble differ by this much: less is not worse than what a person judged. */
const CHANCE = 1.05;

/**
 * The severity that a diagnosis raises an incident to, or null. It is never lowered by what is measured, and after a
 * person has lowered it only something worse than at that time raises it again.
 */
export function raisedSeverity(
  incident: Pick<Incident, 'severity' | 'severityHeld'>,
  diagnosis: Pick<Diagnosis, 'severity' | 'scope'>,
): 'P1' | null {
  if (incident.severity === 'P1' || diagnosis.severity !== 'P1') return null;
  return worseThanHeld(incident, diagnosis.scope) ? 'P1' : null;
}

/** Whether this is worse than when a person lowered the severity; always, while nobody did. */
export function worseThanHeld(
  { severityHeld: held }: Pick<Incident, 'severityHeld'>,
  { p95Ms, errorRate }: { p95Ms: number | null; errorRate: number | null },
): boolean {
  return held === null || isWorse(p95Ms, held.p95Ms) || isWorse(errorRate, held.errorRate);
}

function isWorse(now: number | null, then: number | null): boolean {
  return now !== null && now > (then ?? 0) * CHANCE;
}

/** Keeps what was measured, raises the severity where it asks for that, and then calls the people on call. */
export async function recordSeverity(
  db: Db,
  incident: Incident,
  diagnosis: Diagnosis,
  service: NamedService,
): Promise<void> {
  const to = incident.state === 'resolved' ? null : raisedSeverity(incident, diagnosis);
  await recordMeasurement(db, incident.id, diagnosis.scope.p95Ms, to, diagnosis.severityReason);
  if (to === null) return;
  const { severityReason: reason } = diagnosis;
  await addTimeline(db, incident.id, 'severity', 'latency-bot', { from: incident.severity, to, reason });
  await callOnCall(db, incident, service);
}
