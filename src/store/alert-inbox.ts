import type { Db } from './database.ts';
import { storableJson } from './storable.ts';

export type AlertSource = 'sentry' | 'alertmanager' | 'grafana' | 'generic';
export type IssueKind = 'n-plus-one' | 'slow-db' | 'slow-view' | 'transaction';

/** What a sender measured; `ms` and `ratio` are comparable with our own thresholds, null is the sender's own unit. */
export interface AlertMetric {
  value: number;
  unit: 'ms' | 'ratio' | null;
  threshold: number | null;
}

/** One alert of any sender, in our words. Every text in it comes from outside. */
export interface IncomingAlert {
  source: AlertSource;
  /** Equal for the same trouble, from its first alert to its end and the next time. */
  episodeKey: string;
  status: 'firing' | 'resolved';
  title: string;
  severity: 'critical' | 'error' | 'warning' | 'info' | null;
  startsAt: Date;
  /** When it got the status: for a resolved one its end. */
  at: Date;
  /** A Map: a label may be called __proto__. */
  labels: ReadonlyMap<string, string>;
  project: string | null;
  links: string[];
  metric: AlertMetric | null;
  transaction: string | null;
  issueKind: IssueKind | null;
}

/** One request of a sender, authenticated and read. */
export interface Delivery {
  source: AlertSource;
  bodyHash: string;
  bytes: number;
  /** How long the same body again is a repetition, and not news. */
  dedupeMs: number;
  /** The shape of a body that could not be read. */
  kept: string | null;
  alerts: { service: string | null; alert: IncomingAlert }[];
}

// A body is only new again once its time is over; what the conflict leaves untouched is not returned.
const STORE = `
  with incoming as (
    select * from jsonb_to_recordset($1::jsonb)
      as d (source text, "bodyHash" text, bytes int, "dedupeMs" int, kept text, alerts jsonb)
  ), stored as (
    insert into alert_deliveries as old (source, body_hash, bytes, dedupe_ms, kept)
    select source, "bodyHash", bytes, "dedupeMs", kept from incoming
    on conflict (source, body_hash) do update
      set received_at = clock_timestamp(), dedupe_ms = excluded.dedupe_ms
      where old.received_at < clock_timestamp() - old.dedupe_ms * interval '1 millisecond'
    returning id, source, body_hash
  ), waiting as (
    insert into alert_inbox (delivery_id, service, alert)
    select stored.id, one ->> 'service', one -> 'alert'
    from incoming
    join stored on stored.source = incoming.source and stored.body_hash = incoming."bodyHash"
    cross join jsonb_array_elements(incoming.alerts) with ordinality as alerts (one, position)
    order by stored.id, position
  )
  select source, body_hash as "bodyHash" from stored`;
const WAITING = `
  select service, count(*)::int as waiting,
    (extract(epoch from clock_timestamp() - min(received_at)) * 1000)::float8 as "oldestMs"
  from alert_inbox where service is not null group by service`;
const LOCK = "select pg_try_advisory_xact_lock(hashtext('latency-bot:alerts'), hashtext($1)) as mine";
const TAKE = `
  with taken as (
    delete from alert_inbox
    where id in (select id from alert_inbox where service = $1 order by id limit $2)
    returning id, alert
  )
  select alert from taken order by id`;
const PRUNE_DELIVERIES = `
  delete from alert_deliveries
  where received_at < clock_timestamp() - interval '7 days'
  or (kept is null and received_at < clock_timestamp() - interval '1 day')`;
const PRUNE_INBOX = "delete from alert_inbox where received_at < clock_timestamp() - interval '7 days'";

/** Stores deliveries in one statement; returns the body hashes, by source, that were not there yet. */
export async function storeDeliveries(db: Db, deliveries: readonly Delivery[]): Promise<Set<string>> {
  const incoming = deliveries.map((delivery) => ({
    ...delivery,
    alerts: delivery.alerts.map(({ service, alert }) => ({
      service,
      alert: { ...alert, labels: [...alert.labels] },
    })),
  }));
  const { rows } = await db.query<{ source: string; bodyHash: string }>(STORE, [storableJson(incoming)]);
  return new Set(rows.map(deliveryKey));
}

/** What tells two deliveries apart. */
export function deliveryKey({ source, bodyHash }: { source: string; bodyHash: string }): string {
  return `${source}:${bodyHash}`;
}

/** The services that have alerts waiting. */
export async function waitingAlerts(
  db: Db,
): Promise<{ service: string; waiting: number; oldestMs: number }[]> {
  return (await db.query<{ service: string; waiting: number; oldestMs: number }>(WAITING)).rows;
}

/** Takes a service's oldest alerts out, in order; null while another process does. Part of a transaction. */
export async function takeAlerts(db: Db, service: string, limit: number): Promise<IncomingAlert[] | null> {
  const lock = await db.query<{ mine: boolean }>(LOCK, [service]);
  if (!lock.rows[0]?.mine) return null;
  type Stored = Omit<IncomingAlert, 'labels' | 'startsAt' | 'at'> & {
    labels: [string, string][];
    startsAt: string;
    at: string;
  };
  const { rows } = await db.query<{ alert: Stored }>(TAKE, [service, limit]);
  return rows.map(({ alert }) => ({
    ...alert,
    labels: new Map(alert.labels),
    startsAt: new Date(alert.startsAt),
    at: new Date(alert.at),
  }));
}

/** Forgets what no longer tells a repetition from news, and after a week what nobody could use. */
export async function pruneAlertInbox(db: Db): Promise<void> {
  await db.query(PRUNE_DELIVERIES);
  await db.query(PRUNE_INBOX);
}
