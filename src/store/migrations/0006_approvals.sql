-- Up Migration

-- The global stop. One row each time; the one without lifted_at holds.
create table freezes (
  id bigint generated always as identity primary key,
  frozen_by text not null,
  reason text not null,
  frozen_at timestamptz not null default clock_timestamp(),
  lifted_by text,
  lifted_at timestamptz
);
create unique index freezes_one_at_a_time on freezes ((true)) where lifted_at is null;

-- Carried out by one person alone, in an emergency.
alter table mitigations add column break_glass boolean not null default false;
-- Where the decision was given: the terminal proves a person without Slack.
alter table approvals add column via text not null default 'slack' check (via in ('slack', 'terminal'));

-- A click that is delivered again gets the answer of its first delivery.
create table interactions (
  id text primary key,
  answer jsonb not null,
  at timestamptz not null default clock_timestamp()
);
create index interactions_by_age on interactions (at);

-- Where an operator runs the bot as this role, it may add to the audit log and read it, and nothing else.
do $$
begin
  if exists (select from pg_roles where rolname = 'latency_bot_run') then
    revoke all on audit from latency_bot_run;
    grant select, insert on audit to latency_bot_run;
  end if;
end $$;
