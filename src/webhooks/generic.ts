import { z } from 'zod';
import { labelsOf, linksOf, Members, numberOf, pastInstant, plainText, Text } from './fields.ts';
import { HEADERS_PROVE, refusedBearer } from './proof.ts';
import { nothing, type Sender } from './sender.ts';

/** https://developer.pagerduty.com/docs/events-api-v2-overview */
const Event = z.object({
  event_action: z.enum(['trigger', 'acknowledge', 'resolve']),
  dedup_key: Text.max(255).nullish(),
  client_url: Text.nullish(),
  links: z
    .array(z.object({ href: Text }))
    .max(100)
    .nullish(),
  payload: z
    .object({
      summary: Text,
      source: Text.nullish(),
      severity: z.enum(['critical', 'error', 'warning', 'info']).nullish(),
      timestamp: Text.nullish(),
      component: Text.nullish(),
      group: Text.nullish(),
      class: Text.nullish(),
      custom_details: Members.nullish(),
    })
    .nullish(),
});
type Event = z.infer<typeof Event>;

/** Everything that can send an event in the shape of PagerDuty's Events API v2, with a token of ours. */
export const generic: Sender = {
  source: 'generic',
  setting: 'alerts.generic.token',

  proof({ generic: { token } }, { headers }) {
    if (token === undefined) return null;
    return refusedBearer(headers, token) ?? HEADERS_PROVE;
  },

  read(body, { at, bodyHash }) {
    const event = Event.parse(body);
    if (event.event_action === 'acknowledge') return nothing('acknowledge');
    const firing = event.event_action === 'trigger';
    if (firing && !event.payload) throw new Error('an event that triggers needs a payload');
    if (!firing && !event.dedup_key) throw new Error('an event that resolves needs its dedup_key');
    const dedupKey = event.dedup_key || bodyHash.slice(0, 32);
    const said = pastInstant(event.payload?.timestamp, at);
    const labels = labelsOf({
      ...(event.payload?.source ? { service: event.payload.source } : {}),
      ...(event.payload?.component ? { component: event.payload.component } : {}),
      ...(event.payload?.group ? { group: event.payload.group } : {}),
      ...(event.payload?.class ? { class: event.payload.class } : {}),
    });
    return {
      ignored: null,
      // Without a time the same words may be a new event, as those of a check that runs every minute.
      dated: said !== null,
      dedupKey,
      alerts: [
        {
          source: 'generic',
          episodeKey: `generic:${dedupKey}`,
          status: firing ? 'firing' : 'resolved',
          title: plainText(event.payload?.summary ?? dedupKey),
          severity: event.payload?.severity ?? null,
          startsAt: said ?? at,
          at: said ?? at,
          labels,
          project: null,
          links: linksOf(event.client_url, ...(event.links ?? []).slice(0, 5).map(({ href }) => href)),
          metric: metricOf(event),
          transaction: textOf(event, 'transaction') ?? textOf(event, 'view'),
          issueKind: null,
        },
      ],
    };
  },
};

/** `custom_details` with the unit in the name: p95_ms, latency_ms, error_ratio. */
function metricOf({ payload }: Event) {
  const details = payload?.custom_details ?? {};
  const number = (name: string) => (Object.hasOwn(details, name) ? numberOf(details[name]) : null);
  const ms = number('p95_ms') ?? number('latency_ms');
  if (ms !== null) return { value: ms, unit: 'ms' as const, threshold: number('threshold_ms') };
  const ratio = number('error_ratio');
  return ratio === null
    ? null
    : { value: ratio, unit: 'ratio' as const, threshold: number('threshold_ratio') };
}

function textOf({ payload }: Event, name: string): string | null {
  const details = payload?.custom_details ?? {};
  const value = Object.hasOwn(details, name) ? details[name] : undefined;
  return typeof value === 'string' ? plainText(value) : null;
}
