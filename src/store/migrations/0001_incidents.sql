-- Up Migration

create table incidents (
  id bigint generated always as identity primary key,
  service text not null,
  channel text not null,
  state text not null default 'investigating' check (state in ('investigating', 'monitoring', 'resolved')),
  severity text not null default 'P2' check (severity in ('P1', 'P2')),
  severity_reason text not null default '',
  opened_by text not null,
  lead text,
  alert_count int not null default 0,
  worst_p95_ms float8,
  opened_at timestamptz not null default clock_timestamp(),
  resolved_at timestamptz,
  resolved_by text,
  -- Every change that people should see raises revision; the publisher catches up with it.
  revision bigint not null default 1,
  published_revision bigint not null default 0
);

-- One incident per service while it is open, however many alerts arrive at once.
create unique index incidents_one_open on incidents (service) where state <> 'resolved';
create index incidents_unpublished on incidents (id) where revision <> published_revision;

create table alerts (
  id bigint generated always as identity primary key,
  incident_id bigint not null references incidents (id),
  source text not null,
  title text not null,
  actor text,
  data jsonb not null default '{}',
  received_at timestamptz not null default clock_timestamp()
);
create index alerts_by_incident on alerts (incident_id, id);

create table mitigations (
  id bigint generated always as identity primary key,
  incident_id bigint not null references incidents (id),
  run_id bigint not null,
  service text not null,
  cause_id text not null,
  kind text not null,
  title text not null,
  risk text not null,
  target jsonb not null,
  -- sha-256 over canonical JSON of kind and target (without its age): what an approval is bound to.
  target_hash text not null,
  dry_run jsonb not null,
  state text not null default 'proposed' check (state in (
    'proposed', 'withdrawn', 'requested', 'denied', 'expired', 'approved', 'executing',
    'succeeded', 'failed', 'target-changed', 'interrupted', 'verified', 'not-recovered')),
  -- Raised by every transition; a button carries the version that was shown.
  version int not null default 1,
  quorum int not null default 1,
  requested_by text,
  requested_at timestamptz,
  reason text,
  expires_at timestamptz,
  approved_at timestamptz,
  approved_until timestamptz,
  claim uuid,
  claimed_at timestamptz,
  finished_at timestamptz,
  detail text,
  recovery_checks int not null default 0,
  next_check_at timestamptz,
  created_at timestamptz not null default clock_timestamp()
);
create index mitigations_by_incident on mitigations (incident_id, id);
create unique index mitigations_one_live on mitigations (incident_id, target_hash)
  where state in ('proposed', 'requested', 'approved', 'executing');
create index mitigations_pending on mitigations (state)
  where state in ('requested', 'approved', 'executing', 'interrupted', 'succeeded');

create table approvals (
  mitigation_id bigint not null references mitigations (id),
  user_id text not null,
  decision text not null check (decision in ('approve', 'deny')),
  version int not null,
  target_hash text not null,
  decided_at timestamptz not null default clock_timestamp(),
  primary key (mitigation_id, user_id)
);

create table runs (
  id bigint generated always as identity primary key,
  incident_id bigint not null references incidents (id),
  service text not null,
  kind text not null check (kind in ('triage', 'recovery')),
  mitigation_id bigint references mitigations (id),
  requested_by text not null,
  state text not null default 'running' check (state in ('running', 'finished', 'abandoned')),
  started_at timestamptz not null default clock_timestamp(),
  deadline_at timestamptz not null,
  finished_at timestamptz,
  -- How often the queue was rung for this run; part of the job id.
  bells int not null default 0,
  rung_at timestamptz,
  diagnosis jsonb
);
-- Probing stays harmless: one run per service at a time.
create unique index runs_one_at_a_time on runs (service) where state = 'running';
create index runs_by_incident on runs (incident_id, id);
alter table mitigations add foreign key (run_id) references runs (id);

create table reports (
  run_id bigint not null references runs (id),
  probe_id text not null,
  step int not null,
  position int not null,
  status text not null default 'pending' check (status in ('pending', 'running', 'answered', 'skipped', 'failed')),
  claimed_at timestamptz,
  started_at timestamptz,
  duration_ms int,
  reason text,
  code text,
  report jsonb,
  primary key (run_id, probe_id)
);

create table timeline (
  id bigint generated always as identity primary key,
  incident_id bigint not null references incidents (id),
  at timestamptz not null default clock_timestamp(),
  kind text not null,
  actor text not null,
  data jsonb not null default '{}'
);
create index timeline_by_incident on timeline (incident_id, id);

-- What Slack shows: one row per slot of an incident's thread.
create table messages (
  incident_id bigint not null references incidents (id),
  slot text not null,
  channel text not null,
  ts text,
  thread_ts text,
  content_hash text,
  -- Set before the first post; a row with it and without ts may or may not have reached Slack.
  attempted_at timestamptz,
  sent_at timestamptz,
  primary key (incident_id, slot)
);

-- Append-only and hash-chained: hash = sha256(prev || seq || body).
create table audit (
  seq bigint primary key,
  at timestamptz not null,
  actor text not null,
  kind text not null,
  subject text not null,
  body text not null,
  prev bytea not null,
  hash bytea not null
);

create function audit_is_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'the audit log is append-only';
end $$;
create trigger audit_no_change before update or delete on audit
  for each row execute function audit_is_append_only();
create trigger audit_no_truncate before truncate on audit
  for each statement execute function audit_is_append_only();
