import { z } from 'zod';
import type { AlertMetric, AlertSource, IncomingAlert } from '../store/alert-inbox.ts';
import { labelsOf, linksOf, Members, numberOf, pastInstant, plainText, Text } from './fields.ts';

/** Alerts of one body; the rest of a larger group is counted as one. */
export const MAX_ALERTS = 10_000;

/** An alert as Alertmanager and Grafana send it. https://prometheus.io/docs/alerting/latest/configuration/#webhook_config */
export const PrometheusAlert = z.object({
  status: z.enum(['firing', 'resolved']),
  labels: Members,
  annotations: Members.nullish(),
  startsAt: Text,
  endsAt: Text.nullish(),
  generatorURL: Text.nullish(),
  fingerprint: Text.min(1).max(200),
  values: Members.nullish(),
  dashboardURL: Text.nullish(),
});
export type PrometheusAlert = z.infer<typeof PrometheusAlert>;

export const PrometheusGroup = z.object({
  version: Text,
  groupKey: Text,
  status: z.enum(['firing', 'resolved']),
  truncatedAlerts: z.number().nullish(),
  externalURL: Text.nullish(),
  orgId: z.number().nullish(),
  alerts: z.array(PrometheusAlert).max(100_000),
});

/** The alerts of a group; `fingerprint` is the hash of the labels, equal for this episode and the next. */
export function alertsOfGroup(
  source: AlertSource,
  prefix: string,
  { alerts }: z.infer<typeof PrometheusGroup>,
  now: Date,
): IncomingAlert[] {
  return alerts.slice(0, MAX_ALERTS).map((alert) => {
    const labels = labelsOf(alert.labels);
    const annotations = labelsOf(alert.annotations);
    const startsAt = pastInstant(alert.startsAt, now) ?? now;
    // A firing alert's endsAt is the zero time, or when it would expire: only the status tells.
    const endsAt = alert.status === 'resolved' ? (pastInstant(alert.endsAt, now) ?? now) : startsAt;
    const name = labels.get('alertname') ?? 'alert';
    const summary = annotations.get('summary') ?? annotations.get('description');
    return {
      source,
      episodeKey: `${prefix}:${alert.fingerprint}`,
      status: alert.status,
      title: plainText(summary ? `${name}: ${summary}` : name),
      severity: severityOf(labels.get('severity')),
      startsAt,
      at: endsAt,
      labels,
      project: null,
      links: linksOf(annotations.get('runbook_url'), alert.dashboardURL, alert.generatorURL),
      metric: metricOf(name, annotations, measuredOf(alert.values)),
      transaction: labels.get('view') ?? labels.get('transaction') ?? null,
      issueKind: null,
    };
  });
}

/** The group cut by its sender, or by us. */
export function cutOf({ truncatedAlerts, alerts }: z.infer<typeof PrometheusGroup>): number {
  return (truncatedAlerts ?? 0) + Math.max(0, alerts.length - MAX_ALERTS);
}

function severityOf(word: string | undefined): IncomingAlert['severity'] {
  switch (word?.toLowerCase()) {
    case 'critical':
    case 'page':
      return 'critical';
    case 'error':
    case 'high':
      return 'error';
    case 'warning':
    case 'warn':
      return 'warning';
    case 'info':
    case 'none':
      return 'info';
    default:
      return null;
  }
}

/** Grafana names values by expression; that of a threshold is 0 or 1, which measures nothing. */
function measuredOf(values: Record<string, unknown> | null | undefined): number | null {
  const numbers = Object.entries(values ?? {}).flatMap(([name, value]) =>
    typeof value === 'number' ? [{ name, value }] : [],
  );
  const measured =
    numbers.find(({ name }) => name === 'B') ?? numbers.find(({ value }) => value !== 0 && value !== 1);
  return measured?.value ?? null;
}

/**
 * Neither has a unit: the annotations `value` and `unit` tell, or the name of the alert does. Prometheus measures in
 * seconds and ratios. https://prometheus.io/docs/practices/naming/#base-units
 */
function metricOf(
  name: string,
  annotations: ReadonlyMap<string, string>,
  measured: number | null,
): AlertMetric | null {
  const value = numberOf(annotations.get('value')) ?? measured;
  if (value === null) return null;
  const threshold = numberOf(annotations.get('threshold'));
  const scaled = (unit: 'ms' | 'ratio', by: number): AlertMetric => ({
    value: value * by,
    unit,
    threshold: threshold === null ? null : threshold * by,
  });
  switch (annotations.get('unit')) {
    case 's':
    case 'seconds':
      return scaled('ms', 1_000);
    case 'ms':
      return scaled('ms', 1);
    case 'ratio':
      return scaled('ratio', 1);
    case '%':
    case 'percent':
      return scaled('ratio', 0.01);
    default:
      if (/latency|duration|p9\d|p50/i.test(name)) return scaled('ms', 1_000);
      if (/error|5xx|failure/i.test(name) && value <= 1) return scaled('ratio', 1);
      return { value, unit: null, threshold };
  }
}
