/** Which views and columns this server has: asked, not guessed from its version. */
export const CAPABILITY = `
  select
    current_setting('server_version') as version,
    current_setting('server_version_num')::int as "versionNumber",
    to_regclass('pg_catalog.pg_stat_checkpointer') is not null as checkpointer,
    to_regclass('pg_catalog.pg_stat_wal') is not null as wal,
    to_regclass('pg_catalog.pg_stat_io') is not null as io,
    current_setting('track_io_timing') = 'on' as "ioTimed",
    pg_is_in_recovery() as "inRecovery",
    (extract(epoch from clock_timestamp() - pg_postmaster_start_time()) * 1000)::float8 as "uptimeMs",
    has_function_privilege('pg_catalog.pg_ls_tmpdir(oid)', 'execute') as "temporaryFiles"`;

// Counters know a temporary file when its statement has ended; its name tells whose it is before that.
export const TEMPORARY_FILES = `
  select substring(f.name from '^pgsql_tmp([0-9]+)[.]')::int as pid, t.oid::text || '/' || f.name as name, f.size::float8 as bytes
  from pg_tablespace t
  cross join lateral pg_ls_tmpdir(t.oid) f
  where t.spcname <> 'pg_global'
  and f.name ~ '^pgsql_tmp[0-9]+[.]'
  order by f.size desc
  limit 500`;

/** What of the server's views is read; columns that a version lacks are missing keys of the JSON. */
export function countersSql(has: { checkpointer: boolean; wal: boolean; io: boolean }): string {
  const checkpoints = has.checkpointer ? 'pg_stat_checkpointer' : 'pg_stat_bgwriter';
  return `
  select
    (extract(epoch from clock_timestamp()) * 1000)::float8 as "atMs",
    (select to_jsonb(d) from pg_stat_database d where d.datname = current_database()) as database,
    (select to_jsonb(c) from ${checkpoints} c) as checkpoints,
    ${has.wal ? '(select to_jsonb(w) from pg_stat_wal w)' : 'null::jsonb'} as wal,
    ${has.io ? IO : 'null::jsonb'} as io`;
}

// The kinds of process that matter; reads of temporary files are counted with the database.
const IO = `(
      select jsonb_agg(to_jsonb(i))
      from (
        select backend_type, context, sum(reads) as reads, sum(read_time) as read_time, sum(writes) as writes,
          sum(write_time) as write_time, sum(extends) as extends, sum(fsyncs) as fsyncs, sum(fsync_time) as fsync_time
        from pg_stat_io
        where object <> 'temp relation'
        group by backend_type, context
        having coalesce(sum(reads), 0) + coalesce(sum(writes), 0) + coalesce(sum(fsyncs), 0) > 0
      ) i
    )`;

// Of a setting that merely waits for a restart only the name is told: its value may be a password.
export const SETTINGS = `
  select name, case when name = any ($1) then setting else '' end as setting, unit, source, pending_restart as "pendingRestart"
  from pg_settings
  where name = any ($1)
  or pending_restart
  order by name
  limit 60`;

// Slots keep WAL, and the row versions that a standby or a decoder may still need.
export const SLOTS = `
  select
    count(*) over ()::int as total,
    slot_name as name,
    slot_type as type,
    active,
    to_jsonb(s) ->> 'wal_status' as "walStatus",
    pg_wal_lsn_diff(
      case when pg_is_in_recovery() then pg_last_wal_receive_lsn() else pg_current_wal_lsn() end, restart_lsn
    )::float8 as "retainedBytes"
  from pg_replication_slots s
  order by 6 desc nulls last, slot_name
  limit 10`;

export const SENDERS = `
  select
    count(*) over ()::int as total,
    pid,
    application_name as application,
    state,
    sync_state as "syncState",
    (extract(epoch from replay_lag) * 1000)::float8 as "replayLagMs",
    pg_wal_lsn_diff(
      case when pg_is_in_recovery() then pg_last_wal_receive_lsn() else pg_current_wal_lsn() end, replay_lsn
    )::float8 as "behindBytes"
  from pg_stat_replication
  order by replay_lag desc nulls last, pid
  limit 10`;

// A base backup is a walsender with a progress of its own; a dump is a session that says so.
export const BACKUPS = `
  select 'base backup' as kind, p.pid, p.phase, null::float8 as "ageMs"
  from pg_stat_progress_basebackup p
  union all
  select 'pg_dump', a.pid, a.state, (extract(epoch from clock_timestamp() - a.xact_start) * 1000)::float8
  from pg_stat_activity a
  where a.application_name in ('pg_dump', 'pg_dumpall')
  and a.state <> 'idle'
  limit 10`;

export const SETTING_NAMES = [
  ...['shared_buffers', 'work_mem', 'maintenance_work_mem', 'effective_cache_size', 'random_page_cost'],
  ...['max_wal_size', 'checkpoint_timeout', 'checkpoint_completion_target', 'synchronous_commit', 'fsync'],
  ...[
    'synchronous_standby_names',
    'max_connections',
    'superuser_reserved_connections',
    'reserved_connections',
  ],
  ...['autovacuum', 'autovacuum_max_workers', 'autovacuum_vacuum_cost_limit', 'jit', 'temp_file_limit'],
  ...['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'deadlock_timeout'],
  ...['track_io_timing', 'track_counts', 'track_activities', 'track_activity_query_size', 'compute_query_id'],
  ...['log_lock_waits', 'log_min_duration_statement', 'max_parallel_workers_per_gather'],
];
