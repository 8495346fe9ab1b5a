import { BotError, userMessageOf } from '../errors.ts';
import { examineAction } from './examine-action-role.ts';
import { examineExplain } from './examine-explain.ts';
import { examineOwner } from './examine-owner-role.ts';
import type { Ask } from './postgres.ts';
import type { Examined, RequirementId } from './requirement.ts';

type Row = Record<string, unknown>;

interface Examine {
  query<R extends Row>(ask: Ask): Promise<R[]>;
  /** Absent without a role for approved acts. */
  act?: <R extends Row>(ask: Pick<Ask, 'sql' | 'values' | 'signal'>) => Promise<R[]>;
  ownerRole: string | undefined;
  suspects: Readonly<Record<string, string>>;
  signal: AbortSignal;
}

/** The cause of the error of a session that was let in, but sees nothing of the others. */
export const BLIND = 'without pg_read_all_stats';

const BEHIND: RequirementId[] = [
  'postgres:reserved-slots',
  'postgres:pg-stat-statements',
  'postgres:query-id',
  'postgres:io-timing',
  'postgres:explain',
  'postgres:hypopg',
];

// pg_settings instead of current_setting(): what may not be read is null there, and not an error.
const CAPABILITY = `
  select
    current_setting('server_version') as version,
    current_setting('server_version_num')::int as "versionNumber",
    session_user::text as role,
    current_database()::text as database,
    (select rolsuper from pg_roles where rolname = session_user) as superuser,
    (select setting from pg_settings where name = 'reserved_connections')::int as reserved,
    coalesce((select pg_has_role(session_user, oid, 'usage')
      from pg_roles where rolname = 'pg_use_reserved_connections'), false) as "usesReserved",
    (select setting from pg_settings where name = 'shared_preload_libraries') as preload,
    (select setting from pg_settings where name = 'pg_stat_statements.track') as track,
    (select setting from pg_settings where name = 'compute_query_id') as "computeQueryId",
    current_setting('track_io_timing') = 'on' as "ioTiming",
    (select quote_ident(n.nspname) from pg_extension e join pg_namespace n on n.oid = e.extnamespace
      where e.extname = 'pg_stat_statements') as "pgssSchema",
    (select extversion from pg_extension where extname = 'hypopg') as hypopg,
    exists (select 1 from pg_available_extensions where name = 'hypopg') as "hypopgAvailable",
    exists (
      select 1 from pg_proc p join pg_namespace n on n.oid = p.pronamespace
      where n.nspname = 'latency_bot' and p.proname = 'explain_plan'
      and has_schema_privilege(n.oid, 'usage') and has_function_privilege(p.oid, 'execute')
    ) as "explainFunction"`;

interface Capability extends Row {
  version: string;
  versionNumber: number;
  role: string;
  database: string;
  superuser: boolean;
  reserved: number | null;
  usesReserved: boolean;
  preload: string | null;
  track: string | null;
  computeQueryId: string | null;
  ioTiming: boolean;
  pgssSchema: string | null;
  hypopg: string | null;
  hypopgAvailable: boolean;
  explainFunction: boolean;
}
/** What the probes will be able to see of PostgreSQL, and whether approved acts have a role. */
export async function examinePostgres(examine: Examine): Promise<Examined[]> {
  const [looking, acting, owning] = await Promise.all([
    examineProbeRole(examine),
    examineAction(examine),
    examineOwner(examine),
  ]);
  return [...looking, acting, owning];
}

async function examineProbeRole(examine: Examine): Promise<Examined[]> {
  const ask = { probe: 'doctor', signal: examine.signal, always: true };
  try {
    const [found] = await examine.query<Capability>({ ...ask, sql: CAPABILITY });
    if (!found) throw new BotError('target-protocol', 'PostgreSQL gave no answer about itself');
    return [
      reachable(found),
      {
        id: 'postgres:read-all-stats',
        met: true,
        words: `${found.role} sees every session`,
        remedy: null,
      },
      reservedSlots(found),
      await statements(found, examine),
      queryId(found),
      ioTiming(found),
      await examineExplain(found, examine),
      hypopg(found),
    ];
  } catch (error) {
    return unreachable(error);
  }
}

function unreachable(error: unknown): Examined[] {
  const words = userMessageOf(error);
  const blind = error instanceof BotError && error.cause === BLIND;
  const remedy = words.includes(': ') ? words.slice(words.indexOf(': ') + 2) : null;
  const unknown = { met: null, words: 'not asked: PostgreSQL does not let the probes in', remedy: null };
  return [
    blind
      ? { id: 'postgres:reachable', met: true, words: 'PostgreSQL lets the role in', remedy: null }
      : { id: 'postgres:reachable', met: false, words, remedy },
    blind
      ? { id: 'postgres:read-all-stats', met: false, words, remedy }
      : { id: 'postgres:read-all-stats', ...unknown },
    ...BEHIND.map((id) => ({ id, ...unknown })),
  ];
}

function reachable({ version, role, database, superuser }: Capability): Examined {
  const words = `PostgreSQL ${version.split(' ')[0]} as ${role} in the database ${database}`;
  return {
    id: 'postgres:reachable',
    met: true,
    words: superuser ? `${words}; ${role} is a superuser, which a probe must not be` : words,
    remedy: superuser
      ? `create a role with pg_monitor and nothing more (docs/permissions.md) in place of ${role}`
      : null,
  };
}

function reservedSlots({ versionNumber, reserved, usesReserved, role }: Capability): Examined {
  const id = 'postgres:reserved-slots';
  if (reserved === null || versionNumber < 160_000) {
    const words =
      'before PostgreSQL 16 no slot can be reserved for the probes: the session that the bot keeps open is the way in';
    return { id, met: false, words, remedy: null };
  }
  const lines = [
    ...(reserved > 0 ? [] : ['alter system set reserved_connections = 3 (and restart)']),
    ...(usesReserved ? [] : [`grant pg_use_reserved_connections to ${role}`]),
  ];
  const words = `reserved_connections is ${reserved}, and ${role} ${usesReserved ? 'may' : 'may not'} use them`;
  return { id, met: lines.length === 0, words, remedy: lines.join('; ') || null };
}

async function statements(found: Capability, { query, signal }: Examine): Promise<Examined> {
  const id = 'postgres:pg-stat-statements';
  const lines = [
    ...(found.preload?.includes('pg_stat_statements') === false
      ? ['add pg_stat_statements to shared_preload_libraries and restart PostgreSQL']
      : []),
    ...(found.pgssSchema === null ? [`create extension pg_stat_statements (in ${found.database})`] : []),
    ...(found.track === 'none' ? ['alter system set pg_stat_statements.track = top'] : []),
  ];
  if (lines.length > 0 || found.pgssSchema === null) {
    const words = 'pg_stat_statements is not loaded, not created here, or counts nothing';
    return { id, met: false, words, remedy: lines.join('; ') };
  }
  const sql = `select 1 from ${found.pgssSchema}.pg_stat_statements(false) limit 1`;
  try {
    await query({ probe: 'doctor', sql, signal, always: true });
    return { id, met: true, words: `pg_stat_statements counts (track = ${found.track})`, remedy: null };
  } catch {
    // Whatever kept it from answering: the remedy is the right to read it, and words say that it was tried.
    const remedy = `grant usage on schema ${found.pgssSchema} to ${found.role}; grant pg_read_all_stats to ${found.role}`;
    return { id, met: false, words: 'pg_stat_statements is there and could not be read', remedy };
  }
}

function queryId({ versionNumber, computeQueryId, preload, pgssSchema }: Capability): Examined {
  const id = 'postgres:query-id';
  if (versionNumber < 140_000) {
    return { id, met: false, words: 'before PostgreSQL 14 sessions carry no query id', remedy: null };
  }
  const words = `compute_query_id is ${computeQueryId ?? 'hidden'}`;
  const loaded = preload?.includes('pg_stat_statements') ?? pgssSchema !== null;
  const met = computeQueryId === 'on' || (computeQueryId === 'auto' && loaded);
  return { id, met, words, remedy: met ? null : 'alter system set compute_query_id = on (and reload)' };
}

function ioTiming({ ioTiming: met }: Capability): Examined {
  return {
    id: 'postgres:io-timing',
    met,
    words: `track_io_timing is ${met ? 'on' : 'off'}`,
    remedy: met
      ? null
      : 'alter system set track_io_timing = on (and reload), after pg_test_timing shows it is cheap',
  };
}

function hypopg({ hypopg: version, hypopgAvailable, database, versionNumber }: Capability): Examined {
  const id = 'postgres:hypopg';
  if (version) return { id, met: true, words: `hypopg ${version}`, remedy: null };
  const install = hypopgAvailable
    ? ''
    : `apt-get install postgresql-${Math.floor(versionNumber / 10_000)}-hypopg; `;
  const words = hypopgAvailable
    ? 'hypopg is installed, but not created here'
    : 'hypopg is not installed at the server';
  return { id, met: false, words, remedy: `${install}create extension hypopg (in ${database})` };
}
