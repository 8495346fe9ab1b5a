import type { PostgresTarget } from '../targets/postgres.ts';
import type { TableName } from '../targets/statement-shape.ts';

// Nothing here takes a lock on the tables: no pg_relation_size(), no pg_get_indexdef(), or the probe would queue behind
// an ACCESS EXCLUSIVE lock, and others behind the probe.
const TABLES = `
  select
    c.oid::text as oid,
    n.nspname as schema,
    c.relname as name,
    c.relkind in ('r', 'm') as buildable,
    quote_ident(n.nspname) as "quotedSchema",
    quote_ident(c.relname) as "quotedName",
    nullif(c.reltuples, -1)::float8 as rows,
    (c.relpages::bigint * current_setting('block_size')::int)::float8 as bytes,
    greatest(s.last_analyze, s.last_autoanalyze)::text as "analyzedAt",
    s.n_mod_since_analyze::float8 as "modifiedSinceAnalyze",
    s.n_live_tup::float8 as "liveRows"
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  left join pg_stat_all_tables s on s.relid = c.oid
  where c.relname = any ($1::text[])
  and c.relkind in ('r', 'p', 'm', 'v', 'f')
  and n.nspname not in ('pg_catalog', 'information_schema')
  and n.nspname not like 'pg\\_%'
  order by n.nspname <> 'public', n.nspname
  limit 100`;

// pg_stats shows a table's columns to whoever may read them; to the others the width is a guess by the type.
const COLUMNS = `
  select
    a.attrelid::text as table,
    a.attname as name,
    quote_ident(a.attname) as quoted,
    coalesce(st.avg_width, case when a.attlen > 0 then a.attlen else 24 end)::int as width,
    st.n_distinct::float8 as "nDistinct",
    t.typname not in ('json', 'jsonb', 'xml', 'point', 'box', 'polygon', 'path', 'circle', 'line', 'lseg') as sortable
  from pg_attribute a
  join pg_class c on c.oid = a.attrelid
  join pg_namespace n on n.oid = c.relnamespace
  join pg_type t on t.oid = a.atttypid
  left join pg_stats st on st.schemaname = n.nspname and st.tablename = c.relname and st.attname = a.attname
    and not st.inherited
  where a.attrelid = any ($1::oid[])
  and a.attnum > 0
  and not a.attisdropped
  order by a.attrelid, a.attnum
  limit 1000`;

const INDEXES = `
  select
    i.indrelid::text as table,
    ic.relname as name,
    quote_ident(n.nspname) || '.' || quote_ident(ic.relname) as quoted,
    am.amname as method,
    i.indisvalid and i.indisready as valid,
    exists (select 1 from pg_stat_progress_create_index p where p.index_relid = i.indexrelid) as "beingBuilt",
    i.indpred is not null as partial,
    i.indisunique as unique,
    array(
      select coalesce(a.attname::text, '')
      from unnest(i.indkey::int2[]) with ordinality k (attnum, ord)
      left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum and k.attnum > 0
      where k.ord <= i.indnkeyatts
      order by k.ord
    ) as columns,
    array(
      select (o & 1)::boolean from unnest(i.indoption::int2[]) with ordinality x (o, ord) order by ord
    ) as descending
  from pg_index i
  join pg_class ic on ic.oid = i.indexrelid
  join pg_namespace n on n.oid = ic.relnamespace
  join pg_am am on am.oid = ic.relam
  where i.indrelid = any ($1::oid[])
  order by ic.relname
  limit 300`;

export interface CatalogColumn {
  table: string;
  name: string;
  quoted: string;
  width: number;
  /** As in pg_stats: above 0 a number, below 0 a share of the rows; null when it may not be seen. */
  nDistinct: number | null;
  /** Whether a btree on it makes sense. */
  sortable: boolean;
}
export interface CatalogIndex {
  table: string;
  name: string;
  quoted: string;
  method: string;
  valid: boolean;
  beingBuilt: boolean;
  partial: boolean;
  unique: boolean;
  /** Key columns; an expression is ''. */
  columns: string[];
  descending: boolean[];
}
interface TableRow {
  oid: string;
  schema: string;
  name: string;
  /** Whether an index can be built on it concurrently: no partitioned or foreign table, no view. */
  buildable: boolean;
  quotedSchema: string;
  quotedName: string;
  /** Null when it was never analysed. */
  rows: number | null;
  bytes: number;
  analyzedAt: string | null;
  modifiedSinceAnalyze: number | null;
  liveRows: number | null;
}
/** What the catalog says of a table. */
export interface CatalogTable extends TableRow {
  columns: CatalogColumn[];
  indexes: CatalogIndex[];
}

/** Looks up the tables of some statements. */
export async function readCatalog(
  postgres: PostgresTarget,
  names: readonly TableName[],
  signal: AbortSignal,
): Promise<CatalogTable[]> {
  if (names.length === 0) return [];
  const ask = { probe: 'explain', signal };
  const wanted = [[...new Set(names.map(({ name }) => name))]];
  const tables = await postgres.query<TableRow>({ ...ask, sql: TABLES, values: wanted });
  const oids = [tables.map(({ oid }) => oid)];
  const columns = await postgres.query<CatalogColumn>({ ...ask, sql: COLUMNS, values: oids });
  const indexes = await postgres.query<CatalogIndex>({ ...ask, sql: INDEXES, values: oids });
  return tables.map((table) => ({
    ...table,
    columns: columns.filter((column) => column.table === table.oid),
    indexes: indexes.filter((index) => index.table === table.oid),
  }));
}

/** The table that a name means: a bare one is that of `public`, or of the first other schema. */
export function resolveTable(
  tables: readonly CatalogTable[],
  { schema, name }: TableName,
): CatalogTable | undefined {
  return tables.find((table) => table.name === name && (schema === null || table.schema === schema));
}
