-- Up Migration

-- A change may take hours: whoever carries it out says that it lives, how far it is, and hears whether to stop.
alter table mitigations
  add column alive_at timestamptz,
  add column progress text,
  add column stop_asked_by text,
  add column stop_asked_at timestamptz,
  -- What was really done, for taking it back.
  add column did jsonb,
  -- An outcome that is not known is looked at again, ever more rarely.
  add column looks int not null default 0,
  add column next_look_at timestamptz;
update mitigations set alive_at = claimed_at where claimed_at is not null;

-- What was changed and can be taken back: open until that is done, also after the incident.
create table undos (
  id bigint generated always as identity primary key,
  incident_id bigint not null references incidents (id),
  mitigation_id bigint not null unique references mitigations (id),
  service text not null,
  changed text not null,
  done_by text,
  done_at timestamptz not null default clock_timestamp(),
  kind text not null,
  title text not null,
  risk text not null,
  target jsonb not null,
  target_hash text not null,
  dry_run jsonb not null,
  -- Until then it was approved; it is then taken back without being asked for.
  undo_at timestamptz,
  tries int not null default 0,
  next_try_at timestamptz,
  closed_at timestamptz,
  closed_by bigint references mitigations (id)
);
create index undos_open on undos (incident_id, id) where closed_at is null;

alter table mitigations
  -- The change that this one takes back.
  add column undoes bigint references undos (id),
  -- The mitigation whose approval, with its time box, covers this one.
  add column covered_by bigint references mitigations (id);
create index mitigations_of_service on mitigations (service, claimed_at) where claim is not null;
