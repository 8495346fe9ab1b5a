-- Up Migration

-- A run of a single probe, which somebody asked for; it is never diagnosed.
alter table runs drop constraint runs_kind_check;
alter table runs add constraint runs_kind_check check (kind in ('triage', 'recovery', 'probe'));
