-- Up Migration

-- What is normal for a service, kept from healthy samples while no incident is open, by the hour.

create table baseline_keepers (
  service text primary key,
  -- Who gets to move this on takes the sample: one process at a time, however many share the store.
  next_at timestamptz not null default clock_timestamp(),
  kept int not null default 0
);

create table baseline_hours (
  service text not null,
  hour timestamptz not null,
  samples int not null,
  -- Sums over the samples; divided by them when read.
  p95_ms float8 not null,
  rps float8 not null,
  error_rate float8 not null,
  error_rate_samples int not null,
  -- Time and requests that the samples covered: what rates are divided by, whether a statement ran or not.
  seconds float8 not null,
  requests float8 not null,
  primary key (service, hour)
);

create table baseline_statements (
  service text not null,
  hour timestamptz not null,
  role text not null,
  fingerprint text not null,
  samples int not null,
  calls float8 not null,
  total_ms float8 not null,
  primary key (service, hour, role, fingerprint)
);
