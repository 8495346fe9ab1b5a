// $1 oid of the table, $2 columns, $3 which of them descend, $4 name of the index, $5 role of approved acts, $6 role
// that owns the tables. One row while the table is there. No lock on the table: pg_get_indexdef() and
// pg_relation_size() would queue behind an ACCESS EXCLUSIVE lock.
export const TABLE_NOW = `
  select
    current_database()::text as database,
    n.nspname::text as schema,
    c.relname::text as table,
    c.relkind in ('r', 'm') as buildable,
    nullif(c.reltuples, -1)::float8 as rows,
    (c.relpages::bigint * current_setting('block_size')::int)::float8 as bytes,
    (select count(*)::int from pg_attribute a
      where a.attrelid = c.oid and a.attname = any ($2::text[]) and a.attnum > 0 and not a.attisdropped) as "columnsThere",
    format('create index concurrently %I on %I.%I (%s)', $4::text, n.nspname, c.relname,
      (select string_agg(format('%I', k.name) || case when k.descending then ' desc' else '' end, ', ' order by k.ord)
        from unnest($2::text[], $3::bool[]) with ordinality k (name, descending, ord))) as statement,
    exists (select 1 from pg_class o where o.relname = $4 and o.relnamespace = n.oid) as "nameTaken",
    coalesce((
      select pg_has_role(actor.oid, owner.oid, case when current_setting('server_version_num')::int >= 160000
          then 'set' else 'member' end)
        and pg_has_role(owner.oid, c.relowner, 'usage')
        and has_schema_privilege(owner.oid, n.oid, 'create')
      from pg_roles actor, pg_roles owner
      where actor.rolname = $5 and owner.rolname = $6
    ), false) as "mayBuild",
    (select coalesce(nullif(pg_tablespace_location(d.dattablespace), ''),
        (select setting from pg_settings where name = 'data_directory'))
      from pg_database d where d.datname = current_database()) as directory
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  where c.oid = $1::oid`;

// $1 oid of the table. `defaults` tells that every column has the usual operator class of its type.
export const INDEXES_NOW = `
  select
    ic.oid::text as oid,
    n.nspname::text as schema,
    ic.relname::text as name,
    am.amname = 'btree' and i.indpred is null and i.indexprs is null
      and i.indnatts = i.indnkeyatts
      and (select bool_and(o.opcdefault) from pg_opclass o where o.oid = any (i.indclass::oid[])) as plain,
    i.indisunique as unique,
    exists (select 1 from pg_constraint k where k.conindid = i.indexrelid) as constraint,
    i.indisvalid and i.indisready and i.indislive as valid,
    exists (select 1 from pg_stat_progress_create_index p where p.index_relid = i.indexrelid) as "beingBuilt",
    array(
      select coalesce(a.attname::text, '')
      from unnest(i.indkey::int2[]) with ordinality k (attnum, ord)
      left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum and k.attnum > 0
      where k.ord <= i.indnkeyatts
      order by k.ord
    ) as columns,
    array(select o::int & 3 from unnest(i.indoption::int2[]) with ordinality x (o, ord) order by ord) as options,
    (ic.relpages::bigint * current_setting('block_size')::int)::float8 as bytes
  from pg_index i
  join pg_class ic on ic.oid = i.indexrelid
  join pg_namespace n on n.oid = ic.relnamespace
  join pg_am am on am.oid = ic.relam
  where i.indrelid = $1::oid
  order by ic.relname`;

// One index build at a time, in the whole database.
export const BUILDS_NOW = `
  select p.pid, (select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.oid = p.relid) as table
  from pg_stat_progress_create_index p
  where p.datname = current_database()
  order by p.pid`;

// $1 oid of the table, $2 age in milliseconds. Whom CREATE INDEX CONCURRENTLY waits for (PostgreSQL manual, "Building
// Indexes Concurrently"): at first whoever has a lock on the table that conflicts with SHARE, prepared transactions
// too; at the end every snapshot of this database, but for those of VACUUM. A prepared transaction is found by the lock
// on its own id: its virtual one is -1/xid or that of its former session, by the version.
export const OLDER_TRANSACTIONS = `
  with writers as (
    select pid, virtualtransaction
    from pg_locks
    where locktype = 'relation' and relation = $1::oid and granted
    and database = (select oid from pg_database where datname = current_database())
    and mode not in ('AccessShareLock', 'RowShareLock')
  ), waited as (
    select a.pid, a.application_name as name, coalesce(a.state, a.backend_type) as state, a.xact_start as since
    from pg_stat_activity a
    where a.datname = current_database()
    and a.pid <> pg_backend_pid()
    and a.backend_type not in ('autovacuum worker', 'parallel worker')
    and a.xact_start is not null
    and ((a.backend_xmin is not null and not exists (select 1 from pg_stat_progress_vacuum v where v.pid = a.pid))
      or a.pid in (select w.pid from writers w))
    union all
    select null, p.gid, 'prepared', p.prepared
    from pg_prepared_xacts p
    where p.database = current_database()
    and exists (
      select 1 from pg_locks own join writers w on w.virtualtransaction = own.virtualtransaction
      where w.pid is null and own.pid is null
      and own.locktype = 'transactionid' and own.transactionid = p.transaction and own.mode = 'ExclusiveLock'
    )
  )
  select pid, name, state, (extract(epoch from clock_timestamp() - since) * 1000)::float8 as "ageMs"
  from waited
  where since <= clock_timestamp() - $2 * interval '1 millisecond'
  order by since
  limit 20`;

// $1 oid of the table. Vacuums of it; one against wraparound gives way to nobody.
export const VACUUMS_NOW = `
  select a.pid, a.backend_type = 'autovacuum worker' as automatic,
    a.backend_type = 'autovacuum worker' and a.query like '%(to prevent wraparound)' as "preventsWraparound"
  from pg_stat_activity a
  where a.datname = current_database()
  and a.pid <> pg_backend_pid()
  and (a.pid in (select p.pid from pg_stat_progress_vacuum p where p.relid = $1::oid)
    or a.pid in (select p.pid from pg_stat_progress_analyze p where p.relid = $1::oid)
    or (a.backend_type = 'autovacuum worker' and a.pid in (select l.pid from pg_locks l
      where l.locktype = 'relation' and l.relation = $1::oid and l.mode = 'ShareUpdateExclusiveLock')))
  order by a.pid`;

// $1 pid of the session that builds.
export const BUILD_PROGRESS = `
  select phase, lockers_total::int as "lockersTotal", lockers_done::int as "lockersDone",
    nullif(current_locker_pid, 0)::int as locker,
    blocks_done::float8 / nullif(blocks_total, 0) as blocks,
    tuples_done::float8 / nullif(tuples_total, 0) as tuples
  from pg_stat_progress_create_index
  where pid = $1`;
