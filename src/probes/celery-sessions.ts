import { z } from 'zod';
import { BotError, userMessageOf } from '../errors.ts';
import type { PostgresTarget } from '../targets/postgres.ts';
import type { NotSeen } from './not-seen.ts';

// Only waiting sessions are asked who blocks them: pg_blocking_pids() stalls the lock manager for a moment.
// https://www.postgresql.org/docs/current/functions-info.html
const SESSIONS = `
  with blockers as (
    select unnest(pg_blocking_pids(w.pid)) as pid
    from (
      select pid
      from pg_stat_activity
      where datname = current_database()
      and wait_event_type = 'Lock'
      limit 50
    ) w
  )
  select
    coalesce(a.usename, '') as role,
    a.application_name as application,
    a.application_name ilike '%celery%' as "namedCelery",
    count(*)::int as sessions,
    (count(*) filter (where a.state = 'active'))::int as active,
    (count(*) filter (where a.state like 'idle in transaction%'))::int as "idleInTransaction",
    (count(*) filter (where a.wait_event_type = 'Lock'))::int as "lockWaiting",
    (count(*) filter (where a.pid in (select pid from blockers)))::int as blocking,
    (max(extract(epoch from clock_timestamp() - a.xact_start)) * 1000)::float8 as "oldestXactMs"
  from pg_stat_activity a
  where a.datname = current_database()
  and a.backend_type = 'client backend'
  and a.pid <> pg_backend_pid()
  and a.application_name not like 'latency-bot%'
  and (
    a.application_name ilike '%celery%'
    or (cardinality($1::text[]) > 0 and a.usename <> all ($1::text[]))
  )
  group by 1, 2, 3
  order by "namedCelery" desc, sessions desc
  limit 20`;

/** Sessions at PostgreSQL that are Celery's by name, or of a role that is not the API's. */
export const CelerySessions = z.object({
  role: z.string(),
  application: z.string(),
  /** False: not the API's role, but nothing says that it is Celery. */
  namedCelery: z.boolean(),
  sessions: z.int(),
  active: z.int(),
  idleInTransaction: z.int(),
  lockWaiting: z.int(),
  /** Sessions that others wait for. */
  blocking: z.int(),
  oldestXactMs: z.number().nullable(),
});
export type CelerySessions = z.infer<typeof CelerySessions>;

/** What Celery does in PostgreSQL; null, and a note, when that cannot be seen. */
export async function celerySessions(
  postgres: PostgresTarget | undefined,
  applicationRoles: string[],
  signal: AbortSignal,
  notSeen: NotSeen[],
): Promise<CelerySessions[] | null> {
  const what = 'sessions of Celery in PostgreSQL';
  if (!postgres) {
    notSeen.push({ what, reason: 'no PostgreSQL is configured', remedy: 'targets.postgres' });
    return null;
  }
  try {
    const rows = await postgres.query({ probe: 'celery', sql: SESSIONS, values: [applicationRoles], signal });
    return z.array(CelerySessions).parse(rows);
  } catch (error) {
    if (!(error instanceof BotError)) throw error;
    notSeen.push({ what, reason: userMessageOf(error), remedy: null });
    return null;
  }
}
