import type { NamedService } from '../config/schema.ts';
import type { IncomingAlert } from '../store/alert-inbox.ts';
import type { Db } from '../store/database.ts';
import { findIncident, recordMeasurement } from '../store/incidents.ts';
import { addTimeline } from '../store/timeline.ts';
import { worseThanHeld } from './measured-severity.ts';
import { callOnCall } from './on-call.ts';

/**
 * Raises the severity where the numbers of alerts ask for it, by the runbook's limits for P1 (10 s, 5 % errors). The
 * sender's own word for it raises nothing: what one team calls critical is a warning for the next.
 */
export async function raiseByAlerts(
  db: Db,
  incidentId: number,
  service: NamedService,
  alerts: readonly IncomingAlert[],
): Promise<void> {
  const ms = worst(alerts, 'ms');
  const ratio = worst(alerts, 'ratio');
  const reason = reasonForP1(service, ms, ratio);
  if (reason === null) return;
  const incident = await findIncident(db, incidentId);
  if (!incident || incident.severity === 'P1') return;
  if (!worseThanHeld(incident, { p95Ms: ms, errorRate: ratio })) return;
  await recordMeasurement(db, incidentId, null, 'P1', reason);
  await addTimeline(db, incidentId, 'severity', 'latency-bot', { from: incident.severity, to: 'P1', reason });
  await callOnCall(db, incident, service);
}

function worst(alerts: readonly IncomingAlert[], unit: 'ms' | 'ratio'): number | null {
  const values = alerts.flatMap(({ status, metric }) =>
    status === 'firing' && metric?.unit === unit ? [metric.value] : [],
  );
  return values.length === 0 ? null : values.reduce((most, value) => Math.max(most, value));
}

function reasonForP1({ thresholds }: NamedService, ms: number | null, ratio: number | null): string | null {
  const { criticalP95Ms, criticalErrorRatio } = thresholds;
  if (ms !== null && ms > criticalP95Ms) {
    const seconds = (value: number) => `${(value / 1_000).toFixed(1)} s`;
    return `an alert reports ${seconds(ms)}, the limit for P1 is ${seconds(criticalP95Ms)}`;
  }
  if (ratio !== null && ratio > criticalErrorRatio) {
    const percent = (value: number) => `${(value * 100).toFixed(1)} %`;
    return `an alert reports ${percent(ratio)} errors, the limit for P1 is ${percent(criticalErrorRatio)}`;
  }
  return null;
}
