-- Up Migration

-- A rehearsal with people, on the sandbox: something breaks, and nobody is told what.
create table gamedays (
  id bigint generated always as identity primary key,
  service text not null,
  started_by text not null,
  -- Known to the bot alone until the end.
  fault text not null,
  state text not null default 'waiting' check (state in ('waiting', 'broken', 'over')),
  created_at timestamptz not null default clock_timestamp(),
  breaks_at timestamptz not null,
  -- It is taken back by then at the latest.
  ends_at timestamptz not null,
  broken_at timestamptz,
  slow_at timestamptz,
  recovered_at timestamptz,
  incident_id bigint references incidents (id),
  outcome text check (outcome in ('recovered', 'resolved', 'time-up', 'could-not-break')),
  over_at timestamptz
);
create unique index gamedays_one_at_a_time on gamedays (service) where state <> 'over';
