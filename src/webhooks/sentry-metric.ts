import { z } from 'zod';
import type { AlertMetric } from '../store/alert-inbox.ts';
import { labelsOf, linksOf, numberOf, pastInstant, plainText, Text } from './fields.ts';
import { nothing, type Reading } from './sender.ts';

const Id = z.union([Text, z.number()]);
const MetricAlert = z.object({
  action: Text,
  data: z.object({
    description_title: Text.nullish(),
    description_text: Text.nullish(),
    web_url: Text.nullish(),
    metric_alert: z.object({
      id: Id,
      organization_id: Id.nullish(),
      projects: z.array(Text).nullish(),
      title: Text.nullish(),
      date_started: Text.nullish(),
      date_detected: Text.nullish(),
      date_closed: Text.nullish(),
      alert_rule: z.object({
        id: Id,
        name: Text.nullish(),
        aggregate: Text.nullish(),
        query: Text.nullish(),
        environment: Text.nullish(),
        projects: z.array(Text).nullish(),
        triggers: z.array(z.object({ label: Text, alert_threshold: z.number().nullish() })).nullish(),
      }),
    }),
  }),
});
type Data = z.infer<typeof MetricAlert>['data'];

/** A metric alert, the one for "p95 above so much". Its value is only part of a sentence. */
export function readMetricAlert(body: unknown, now: Date, sentAt: Date): Reading {
  const { action, data } = MetricAlert.parse(body);
  if (!['critical', 'warning', 'resolved'].includes(action)) return nothing('metric-alert-action');
  const { metric_alert: alert } = data;
  const rule = alert.alert_rule;
  const firing = action !== 'resolved';
  const startsAt = pastInstant(alert.date_started, now) ?? pastInstant(alert.date_detected, now) ?? sentAt;
  const transaction = transactionOf(rule.query ?? '');
  return {
    dated: true,
    ignored: null,
    alerts: [
      {
        source: 'sentry',
        episodeKey: `sentry:metric:${plainText(`${alert.organization_id ?? ''}:${rule.id}`, 100)}`,
        status: firing ? 'firing' : 'resolved',
        title: plainText(data.description_title ?? alert.title ?? rule.name ?? 'Sentry metric alert'),
        severity: action === 'critical' || action === 'warning' ? action : null,
        startsAt,
        at: firing ? startsAt : (pastInstant(alert.date_closed, now) ?? sentAt),
        labels: labelsOf({ environment: rule.environment, aggregate: rule.aggregate }),
        project: alert.projects?.[0] ?? rule.projects?.[0] ?? null,
        links: linksOf(data.web_url),
        metric: firing ? metricOf(data, action) : null,
        transaction,
        issueKind: /duration/.test(rule.aggregate ?? '') ? 'slow-view' : null,
      },
    ],
  };
}

/** Durations are milliseconds, a failure rate is a ratio. */
function metricOf({ description_text: text, metric_alert: alert }: Data, action: string): AlertMetric | null {
  const { aggregate, triggers } = alert.alert_rule;
  const value = numberOf(text);
  if (value === null) return null;
  const threshold = triggers?.find(({ label }) => label === action)?.alert_threshold ?? null;
  const failures = /^failure_rate\(/.test(aggregate ?? '');
  const unit = /\((?:transaction|span)\.duration/.test(aggregate ?? '') ? 'ms' : failures ? 'ratio' : null;
  return { value, unit, threshold };
}

/** The `transaction:` of a search, quoted or not. */
function transactionOf(query: string): string | null {
  const found = /(?:^|\s)transaction:(?:"([^"]{1,500})"|(\S{1,500}))/.exec(query.slice(0, 10_000));
  const name = found?.[1] ?? found?.[2];
  return name ? plainText(name) : null;
}
