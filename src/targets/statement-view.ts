import { BotError } from '../errors.ts';
import type { PostgresTarget } from './postgres.ts';

// The columns belong to the extension's version in this database, not to the server's: after pg_upgrade an old one
// stays until ALTER EXTENSION ... UPDATE. A setting of the extension exists only when its library was preloaded.
const CAPABILITY = `
  select
    n.nspname as "schema",
    quote_ident(n.nspname) as "quotedSchema",
    e.extversion as version,
    current_setting('pg_stat_statements.max', true)::int as max,
    current_setting('pg_stat_statements.track', true) as track,
    current_setting('track_io_timing') = 'on' as "ioTimed",
    session_user::text as "probeRole",
    has_schema_privilege(n.oid, 'usage') and coalesce((
      select bool_and(has_function_privilege(p.oid, 'execute'))
      from pg_proc p
      join pg_depend d on d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
      where d.refclassid = 'pg_extension'::regclass
      and d.refobjid = e.oid
      and p.proname in ('pg_stat_statements', 'pg_stat_statements_info')
    ), false) as readable,
    array(
      select a.attname::text
      from pg_attribute a
      join pg_class c on c.oid = a.attrelid and c.relname in ('pg_stat_statements', 'pg_stat_statements_info')
      join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
      where d.refclassid = 'pg_extension'::regclass
      and d.refobjid = e.oid
      and a.attnum > 0
      and not a.attisdropped
    ) as columns
  from pg_extension e
  join pg_namespace n on n.oid = e.extnamespace
  where e.extname = 'pg_stat_statements'`;

interface CapabilityRow {
  schema: string;
  quotedSchema: string;
  version: string;
  max: number | null;
  track: string | null;
  ioTimed: boolean;
  probeRole: string;
  readable: boolean;
  columns: string[];
}

/** How pg_stat_statements can be read in this database. */
export interface PgssView {
  /** Schema of the extension, quoted for SQL. */
  quotedSchema: string;
  columns: ReadonlySet<string>;
  /** pg_stat_statements.max: with that many entries the rarest are evicted. */
  max: number;
  /** Whether track_io_timing is on; without it the I/O times are zero and mean nothing. */
  ioTimed: boolean;
  probeRole: string;
}

/** Finds pg_stat_statements, or says what keeps it from being read. */
export async function pgssView(postgres: PostgresTarget, signal: AbortSignal): Promise<PgssView> {
  const [row] = await postgres.query<CapabilityRow>({ probe: 'statements', sql: CAPABILITY, signal });
  if (!row) {
    throw new BotError(
      'not-configured',
      'pg_stat_statements is not created in this database: create extension pg_stat_statements (its library has to be in shared_preload_libraries, which takes a restart)',
    );
  }
  if (row.max === null) {
    throw new BotError(
      'not-configured',
      'pg_stat_statements is created but not loaded: add it to shared_preload_libraries and restart PostgreSQL',
    );
  }
  if (!row.readable) {
    throw new BotError(
      'target-permission',
      `pg_stat_statements may not be read by ${row.probeRole}: grant usage on schema ${row.schema} and execute on its functions to ${row.probeRole}`,
    );
  }
  if (row.track === 'none') {
    throw new BotError(
      'not-configured',
      'pg_stat_statements counts nothing: set pg_stat_statements.track to top',
    );
  }
  const { quotedSchema, max, ioTimed, probeRole } = row;
  return { quotedSchema, columns: new Set(row.columns), max, ioTimed, probeRole };
}
