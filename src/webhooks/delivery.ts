import type { AlertsConfig } from '../config/alerts.ts';
import type { Delivery, IncomingAlert } from '../store/alert-inbox.ts';
import { shapeOf } from './fields.ts';
import type { RawBody } from './read-body.ts';
import { serviceOfAlert } from './route.ts';
import type { Arrival, Reading, Sender } from './sender.ts';

/** A body with the time of its event in it is the same event for as long as senders repeat themselves. */
const DATED_MS = 24 * 3_600_000;
/** Without a time only a retry is the same event. PagerDuty's senders retry 3 times, 30 s apart. */
const UNDATED_MS = 2 * 60_000;

export interface ReadDelivery {
  delivery: Delivery;
  /** Why it holds nothing for us. */
  ignored: string | null;
  /** It could not be read, and is one alert that says so. */
  unread: boolean;
  dedupKey?: string;
}

/** What is stored of an authenticated body. Whatever is in it, an alert is never lost for it. */
export function deliveryOf(
  sender: Sender,
  body: RawBody,
  arrival: Arrival,
  { config, services }: { config: AlertsConfig; services: ReadonlyMap<string, unknown> },
): ReadDelivery {
  const base = { source: sender.source, bodyHash: body.hash, bytes: body.bytes };
  const routed = (alerts: IncomingAlert[]) =>
    alerts.map((alert) => ({ service: serviceOfAlert(config, services, alert), alert }));
  const unread = (title: string, kept: string): ReadDelivery => ({
    delivery: { ...base, dedupeMs: DATED_MS, kept, alerts: routed([stubAlert(sender, title, arrival.at)]) },
    ignored: null,
    unread: true,
  });
  if (body.truncated) {
    const size = `${(body.bytes / 1024 / 1024).toFixed(1)} MiB`;
    return unread(
      `Alerts of ${sender.source} in a body of ${size}: too large to be read`,
      `${size}, not read`,
    );
  }
  const read = readingOf(sender, body.head, arrival);
  if ('shape' in read) return unread(`An alert of ${sender.source} that could not be parsed`, read.shape);
  const { alerts, ignored, dated, dedupKey } = read;
  return {
    delivery: { ...base, dedupeMs: dated ? DATED_MS : UNDATED_MS, kept: null, alerts: routed(alerts) },
    ignored,
    unread: false,
    ...(dedupKey === undefined ? {} : { dedupKey }),
  };
}

/** Of what cannot be read the shape is kept: the values may be anybody's data. */
function readingOf(sender: Sender, head: Buffer, arrival: Arrival): Reading | { shape: string } {
  let json: unknown;
  try {
    json = JSON.parse(head.toString('utf8'));
  } catch {
    return { shape: `${head.length} bytes that are not JSON` };
  }
  try {
    return sender.read(json, arrival);
  } catch {
    return { shape: shapeOf(json) };
  }
}

function stubAlert({ source }: Sender, title: string, at: Date): IncomingAlert {
  return {
    ...{ source, title, startsAt: at, at },
    episodeKey: `${source}:unread`,
    status: 'firing',
    severity: null,
    labels: new Map(),
    project: null,
    links: [],
    metric: null,
    transaction: null,
    issueKind: null,
  };
}
