// Only statistics and pg_class: pg_relation_size() takes a lock on each table, and asks the disk about it.

/** One row about the whole server. */
export const OVERVIEW = `
  select
    1 as total,
    json_build_object(
      'enabled', current_setting('autovacuum')::boolean,
      'trackCounts', current_setting('track_counts')::boolean,
      'workersMax', current_setting('autovacuum_max_workers')::int,
      'workersBusy', (select count(*) from pg_stat_activity where backend_type = 'autovacuum worker'),
      'naptimeMs', (select setting::float8 * 1000 from pg_settings where name = 'autovacuum_naptime'),
      'costDelayMs', (select setting::float8 from pg_settings where name = 'autovacuum_vacuum_cost_delay')
    ) as autovacuum,
    (
      select json_build_object('database', datname, 'xidAge', age(datfrozenxid),
        'freezeMaxAge', current_setting('autovacuum_freeze_max_age')::float8)
      from pg_database
      where datallowconn
      order by age(datfrozenxid) desc
      limit 1
    ) as wraparound,
    (select stats_reset::text from pg_stat_database where datname = current_database()) as "statisticsSince"`;

// The busiest tables, and every one that is in trouble, before the quiet ones. The options of a table win over the
// server's. autovacuum_vacuum_max_threshold exists from PostgreSQL 18 on; -1 switches it off.
export const TABLES = `
  with t as (
    select
      s.*,
      nullif(c.reltuples, -1)::float8 as rows,
      c.relpages::float8 * current_setting('block_size')::int as bytes,
      nullif(age(c.relfrozenxid), 2147483647)::float8 as xid_age,
      greatest(c.reltuples, 0)::float8 as estimate,
      coalesce((select json_object_agg(option_name, option_value)
        from pg_options_to_table(c.reloptions)), '{}') as options
    from pg_stat_user_tables s
    join pg_class c on c.oid = s.relid
  ),
  limits as (
    select
      t.*,
      coalesce((options ->> 'autovacuum_vacuum_threshold')::float8,
        current_setting('autovacuum_vacuum_threshold')::float8)
      + coalesce((options ->> 'autovacuum_vacuum_scale_factor')::float8,
        current_setting('autovacuum_vacuum_scale_factor')::float8) * estimate as vacuum_at,
      nullif(coalesce((options ->> 'autovacuum_vacuum_max_threshold')::float8,
        current_setting('autovacuum_vacuum_max_threshold', true)::float8), -1) as vacuum_max,
      coalesce((options ->> 'autovacuum_analyze_threshold')::float8,
        current_setting('autovacuum_analyze_threshold')::float8)
      + coalesce((options ->> 'autovacuum_analyze_scale_factor')::float8,
        current_setting('autovacuum_analyze_scale_factor')::float8) * estimate as analyze_at
    from t
  )
  select
    count(*) over ()::int as total,
    schemaname as schema,
    relname as table,
    relid::text as oid,
    rows,
    bytes,
    n_live_tup::float8 as "liveRows",
    n_dead_tup::float8 as "deadRows",
    (n_dead_tup::float8 / greatest(n_live_tup + n_dead_tup, 1)) as "deadRatio",
    n_mod_since_analyze::float8 as "modifiedSinceAnalyze",
    least(vacuum_at, vacuum_max) as "vacuumAt",
    analyze_at as "analyzeAt",
    coalesce((options ->> 'autovacuum_enabled')::boolean, true) as autovacuum,
    greatest(last_vacuum, last_autovacuum)::text as "lastVacuum",
    greatest(last_analyze, last_autoanalyze)::text as "lastAnalyze",
    (extract(epoch from clock_timestamp() - greatest(last_vacuum, last_autovacuum)) * 1000)::float8 as "sinceVacuumMs",
    (extract(epoch from clock_timestamp() - greatest(last_analyze, last_autoanalyze)) * 1000)::float8
      as "sinceAnalyzeMs",
    xid_age as "xidAge",
    seq_scan::float8 as "seqScans",
    seq_tup_read::float8 as "seqRows",
    coalesce(idx_scan, 0)::float8 as "indexScans",
    (n_tup_ins + n_tup_upd + n_tup_del)::float8 as writes
  from limits
  order by
    (n_dead_tup > least(vacuum_at, vacuum_max))::int
      + (n_mod_since_analyze > analyze_at)::int
      + (coalesce(options ->> 'autovacuum_enabled', 'true') in ('false', 'off', 'no', '0'))::int
      + (xid_age >= 0.95 * current_setting('autovacuum_freeze_max_age')::float8)::int desc,
    seq_tup_read + coalesce(idx_tup_fetch, 0) + 10 * (n_tup_ins + n_tup_upd + n_tup_del) desc,
    relname
  limit 20`;

// The text of a worker is PostgreSQL's own; only its last words are looked at.
export const WORKERS = `
  select
    count(*) over ()::int as total,
    a.pid,
    coalesce(a.datname, '') as database,
    case when p.datname = current_database() then
      (select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.oid = p.relid) end as table,
    p.phase,
    (extract(epoch from clock_timestamp() - a.xact_start) * 1000)::float8 as "ageMs",
    a.backend_type <> 'autovacuum worker' as manual,
    a.backend_type = 'autovacuum worker' and a.query like '%(to prevent wraparound)' as "preventsWraparound",
    p.heap_blks_scanned::float8 / nullif(p.heap_blks_total, 0) as "scannedRatio"
  from pg_stat_activity a
  left join pg_stat_progress_vacuum p on p.pid = a.pid
  where a.backend_type = 'autovacuum worker' or p.pid is not null
  order by a.xact_start
  limit 10`;

// Vacuum removes nothing that one of these may still see (PostgreSQL manual, "Routine Vacuuming").
export const HORIZON = `
  with holders as (
    select 'session' as kind, pid::text as id, greatest(age(backend_xmin), age(backend_xid)) as xmin_age,
      xact_start as since, coalesce(state, 'unknown') as state
    from pg_stat_activity
    where (backend_xmin is not null or backend_xid is not null)
    and backend_type <> 'walsender'
    and pid <> pg_backend_pid()
    and application_name not like 'latency-bot%'
    and backend_type <> 'autovacuum worker'
    union all
    select 'slot', slot_name, greatest(age(xmin), age(catalog_xmin)), null,
      slot_type || case when active then ', active' else ', inactive' end
    from pg_replication_slots
    where xmin is not null or catalog_xmin is not null
    union all
    select 'prepared', gid, age(transaction), prepared, 'prepared transaction'
    from pg_prepared_xacts
    union all
    select 'standby', pid::text, age(backend_xmin), null, 'hot_standby_feedback'
    from pg_stat_replication
    where backend_xmin is not null
  )
  select
    count(*) over ()::int as total,
    kind,
    id,
    xmin_age::float8 as "xminAge",
    (extract(epoch from clock_timestamp() - since) * 1000)::float8 as "ageMs",
    state
  from holders
  where xmin_age is not null
  order by xmin_age desc, since nulls first
  limit 10`;

export const INVALID_INDEXES = `
  select
    count(*) over ()::int as total,
    n.nspname as schema,
    t.relname as table,
    ic.relname as index,
    exists (select 1 from pg_stat_progress_create_index p where p.index_relid = i.indexrelid) as "beingBuilt"
  from pg_index i
  join pg_class ic on ic.oid = i.indexrelid
  join pg_class t on t.oid = i.indrelid
  join pg_namespace n on n.oid = t.relnamespace
  where not i.indisvalid
  and ic.relkind = 'i'
  order by ic.relpages desc, ic.relname
  limit 10`;

// Unique indexes are there for what they forbid. 8 MB is a thousand pages: below that an index costs next to nothing.
export const UNUSED_INDEXES = `
  select
    count(*) over ()::int as total,
    s.schemaname as schema,
    s.relname as table,
    s.indexrelname as index,
    ic.relpages::float8 * current_setting('block_size')::int as bytes
  from pg_stat_user_indexes s
  join pg_index i on i.indexrelid = s.indexrelid
  join pg_class ic on ic.oid = s.indexrelid
  where s.idx_scan = 0
  and not i.indisunique
  and i.indisvalid
  and ic.relpages >= 1000
  order by ic.relpages desc, s.indexrelname
  limit 10`;
