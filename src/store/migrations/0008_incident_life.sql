-- Up Migration

-- What was measured when a person lowered the severity: it is raised again only by something worse.
alter table incidents add column severity_held jsonb;
-- What the person who resolved it said.
alter table incidents add column resolved_words text;

-- A cheap look at the latency, once a minute, of an incident that is being watched.
alter table runs drop constraint runs_kind_check;
alter table runs add constraint runs_kind_check check (kind in ('triage', 'recovery', 'probe', 'watch'));

-- How the watched latency stands. A row lasts as long as its incident stays in `monitoring`.
create table recovery_watches (
  incident_id bigint primary key references incidents (id),
  next_look_at timestamptz not null default clock_timestamp(),
  -- When the latency was last seen; a gap begins the calm anew.
  seen_at timestamptz,
  calm_since timestamptz,
  slow_looks int not null default 0
);

-- What people were reminded of, and when: at most once each per interval, however often the bot restarts.
create table follow_ups (
  incident_id bigint not null references incidents (id),
  kind text not null,
  times int not null default 1,
  reminded_at timestamptz not null default clock_timestamp(),
  primary key (incident_id, kind)
);
create index timeline_by_kind on timeline (incident_id, kind, at);
