-- Up Migration

-- What was answered 2xx, by the hash of its body: the same body again has no effect for a while.
create table alert_deliveries (
  id bigint generated always as identity primary key,
  source text not null,
  body_hash text not null,
  received_at timestamptz not null default clock_timestamp(),
  dedupe_ms int not null,
  bytes int not null,
  -- The shape of a body that could not be read; no value of it.
  kept text,
  unique (source, body_hash)
);
create index alert_deliveries_by_time on alert_deliveries (received_at);

-- Alerts that are stored and not yet applied to an incident; without a service there is no route for them.
create table alert_inbox (
  id bigint generated always as identity primary key,
  delivery_id bigint not null,
  service text,
  alert jsonb not null,
  received_at timestamptz not null default clock_timestamp()
);
create index alert_inbox_by_service on alert_inbox (service, id);

-- Identical alerts are one row of their incident. One whose end came first has no incident.
alter table alerts alter column incident_id drop not null;
alter table alerts
  add column service text,
  add column episode_key text,
  add column status text check (status in ('firing', 'resolved')),
  add column count int not null default 1,
  add column starts_at timestamptz,
  add column ended_at timestamptz,
  add column last_at timestamptz not null default clock_timestamp();
create unique index alerts_one_of_incident on alerts (service, episode_key, coalesce(incident_id, 0))
  where episode_key is not null;
create index alerts_by_episode on alerts (service, episode_key, id) where episode_key is not null;
create index alerts_firing on alerts (incident_id) where status = 'firing';
