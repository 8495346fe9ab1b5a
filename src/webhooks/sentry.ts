import { z } from 'zod';
import type { IncomingAlert, IssueKind } from '../store/alert-inbox.ts';
import {
  exceptionText,
  labelsOf,
  linksOf,
  Members,
  numberOf,
  pastInstant,
  plainText,
  Text,
} from './fields.ts';
import { hmacProof, single } from './proof.ts';
import { type Arrival, nothing, type Reading, type Sender } from './sender.ts';
import { readMetricAlert } from './sentry-metric.ts';

/** Sentry's integration platform. https://docs.sentry.io/organization/integrations/integration-platform/webhooks/ */
export const sentry: Sender = {
  source: 'sentry',
  setting: 'alerts.sentry.clientSecret',

  proof({ sentry: { clientSecret } }, { headers }) {
    if (clientSecret === undefined) return null;
    return hmacProof(clientSecret, single(headers, 'sentry-hook-signature'));
  },

  read(body, arrival) {
    switch (single(arrival.headers, 'sentry-hook-resource')) {
      case 'metric_alert':
        return readMetricAlert(body, arrival.at, sentAt(arrival));
      case 'event_alert':
        return readEventAlert(body, arrival);
      case 'issue':
        return readIssue(body, arrival);
      default:
        return nothing('resource');
    }
  },
};

/** When Sentry sent it. The header is not signed: it orders what is repeated by nobody else anyway. */
function sentAt({ headers, at }: Arrival): Date {
  return pastInstant(numberOf(single(headers, 'sentry-hook-timestamp')), at) ?? at;
}

const EventAlert = z.object({
  action: Text,
  data: z.object({
    triggered_rule: Text.nullish(),
    event: z.object({
      issue_id: z.union([Text, z.number()]),
      title: Text.nullish(),
      project: z.union([Text, z.number()]).nullish(),
      level: Text.nullish(),
      type: Text.nullish(),
      transaction: Text.nullish(),
      culprit: Text.nullish(),
      environment: Text.nullish(),
      timestamp: z.number().nullish(),
      start_timestamp: z.number().nullish(),
      datetime: Text.nullish(),
      tags: z.array(z.unknown()).max(1_000).nullish(),
      url: Text.nullish(),
      web_url: Text.nullish(),
      occurrence: z
        .object({
          type: z.number().nullish(),
          issueTitle: Text.nullish(),
          subtitle: Text.nullish(),
          evidenceData: Members.nullish(),
        })
        .nullish(),
    }),
  }),
});
type Event = z.infer<typeof EventAlert>['data']['event'];

/** An issue alert; of the event only names, never what a user sent. */
function readEventAlert(body: unknown, arrival: Arrival): Reading {
  const { event, triggered_rule: rule } = EventAlert.parse(body).data;
  const at =
    pastInstant(event.datetime, arrival.at) ?? pastInstant(event.timestamp, arrival.at) ?? sentAt(arrival);
  const { occurrence } = event;
  const said = occurrence
    ? [occurrence.issueTitle, occurrence.subtitle].filter(Boolean).join(': ')
    : (event.title ?? '');
  const title = [rule, said && exceptionText(said)].filter(Boolean).join(': ');
  const transaction = event.transaction ?? tagOf(event, 'transaction') ?? event.culprit;
  return {
    dated: true,
    ignored: null,
    alerts: [
      {
        source: 'sentry',
        episodeKey: `sentry:issue:${plainText(String(event.issue_id), 64)}`,
        status: 'firing',
        title: plainText(title || 'Sentry issue alert'),
        severity: levelOf(event.level),
        startsAt: at,
        at,
        labels: labelsOf({
          environment: event.environment ?? tagOf(event, 'environment'),
          level: event.level,
        }),
        project: slugOf(event) ?? (event.project == null ? null : String(event.project)),
        links: linksOf(event.web_url),
        metric: metricOf(event),
        transaction: transaction ? plainText(transaction) : null,
        issueKind: issueKindOf(
          occurrence?.type,
          `${occurrence?.issueTitle ?? ''} ${event.title ?? ''}`,
          event.type,
        ),
      },
    ],
  };
}

const Issue = z.object({
  action: Text,
  data: z.object({
    issue: z.object({
      id: z.union([Text, z.number()]),
      title: Text.nullish(),
      culprit: Text.nullish(),
      level: Text.nullish(),
      issueType: Text.nullish(),
      issueCategory: Text.nullish(),
      lastSeen: Text.nullish(),
      project: z.object({ id: z.union([Text, z.number()]).nullish(), slug: Text.nullish() }).nullish(),
      web_url: Text.nullish(),
    }),
  }),
});

/** The end of what an issue alert began; a new issue alone is no alert, the rule of an issue alert decides that. */
function readIssue(body: unknown, arrival: Arrival): Reading {
  const { action, data } = Issue.parse(body);
  const { issue } = data;
  if (!['resolved', 'archived', 'ignored'].includes(action)) return nothing(`issue-${action.slice(0, 20)}`);
  const at = sentAt(arrival);
  return {
    dated: true,
    ignored: null,
    alerts: [
      {
        source: 'sentry',
        episodeKey: `sentry:issue:${plainText(String(issue.id), 64)}`,
        status: 'resolved',
        title: exceptionText(issue.title ?? 'Sentry issue'),
        severity: levelOf(issue.level),
        startsAt: pastInstant(issue.lastSeen, arrival.at) ?? at,
        at,
        labels: new Map(),
        project: issue.project?.slug ?? null,
        links: linksOf(issue.web_url),
        metric: null,
        transaction: issue.culprit ? plainText(issue.culprit) : null,
        issueKind: issueKindOf(null, `${issue.issueType ?? ''} ${issue.title ?? ''}`, null),
      },
    ],
  };
}

function tagOf({ tags }: Event, name: string): string | null {
  const pair = tags?.find((tag) => Array.isArray(tag) && tag[0] === name);
  return Array.isArray(pair) && typeof pair[1] === 'string' ? pair[1] : null;
}

/** The project's number is a member; its slug stands only in the event's address. */
function slugOf({ url }: Event): string | null {
  return /\/projects\/[^/]{1,100}\/([^/]{1,100})\/events\//.exec(url ?? '')?.[1] ?? null;
}

function levelOf(level: string | null | undefined): IncomingAlert['severity'] {
  if (level === 'fatal') return 'critical';
  return level === 'error' || level === 'warning' || level === 'info' ? level : null;
}

/** A transaction's time, or the number of a metric monitor. */
function metricOf(event: Event): IncomingAlert['metric'] {
  const { type, timestamp, start_timestamp: begin, occurrence } = event;
  if (type === 'transaction' && timestamp != null && begin != null && timestamp >= begin) {
    return { value: (timestamp - begin) * 1_000, unit: 'ms', threshold: null };
  }
  const value = numberOf(occurrence?.evidenceData?.value);
  if (value === null) return null;
  const isDuration = /duration|lcp|latency/i.test(occurrence?.subtitle ?? '');
  const threshold = numberOf(/above (\d[\d.]*)/.exec(occurrence?.subtitle ?? '')?.[1]);
  return { value, unit: isDuration ? 'ms' : null, threshold };
}

// Sentry's group types of performance issues (src/sentry/issues/grouptype.py): 1001 slow DB query, 1006 N+1 queries,
// 1010 N+1 API calls; the titles say the same.
function issueKindOf(
  type: number | null | undefined,
  words: string,
  eventType: string | null | undefined,
): IssueKind | null {
  if (type === 1006 || /n\+1 quer|n_plus_one_db/i.test(words)) return 'n-plus-one';
  if (type === 1001 || /slow db quer|slow_db/i.test(words)) return 'slow-db';
  if (/slow (?:view|transaction|endpoint)|p9\d\(|transaction\.duration/i.test(words)) return 'slow-view';
  return eventType === 'transaction' ? 'transaction' : null;
}
