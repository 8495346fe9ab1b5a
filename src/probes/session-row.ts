import type { Session } from '../targets/backend.ts';
import { safeQuery } from '../targets/query-text.ts';

/** A row of pg_stat_activity as the SQL of the probes selects it: a session whose statement is still raw. */
export type SessionRow = Omit<Session, 'query'> & { query: string | null; truncated: boolean };

/**
 * A session's columns, of pg_stat_activity as `a` with pg_roles left-joined as `r`. to_jsonb() reads query_id where it
 * exists: PostgreSQL 13 has no such column. The time stamps stay text, because they identify the session and a JS Date
 * would lose their microseconds.
 */
export const SESSION_COLUMNS = `
    a.pid,
    a.backend_start::text as "backendStart",
    a.xact_start::text as "xactStart",
    a.query_start::text as "queryStart",
    a.state_change::text as "stateChange",
    a.state,
    to_jsonb(a) ->> 'query_id' as "queryId",
    a.application_name as application,
    coalesce(a.usename, '') as role,
    coalesce(a.datname, '') as database,
    host(a.client_addr) as client,
    a.backend_type as "backendType",
    a.wait_event_type as "waitEventType",
    a.wait_event as "waitEvent",
    (extract(epoch from clock_timestamp() - a.xact_start) * 1000)::float8 as "xactAgeMs",
    (extract(epoch from clock_timestamp() - a.query_start) * 1000)::float8 as "queryAgeMs",
    (extract(epoch from clock_timestamp() - a.state_change) * 1000)::float8 as "stateAgeMs",
    coalesce(r.rolsuper, true) as superuser,
    coalesce(r.rolreplication, false) as replication,
    octet_length(a.query) >= (select setting::int from pg_settings where name = 'track_activity_query_size') - 4
      as truncated,
    a.query`;

/** Turns a row into a session that may leave the process. Columns that are no part of a session are left out. */
export async function toSession(row: SessionRow): Promise<Session> {
  return {
    pid: row.pid,
    backendStart: row.backendStart,
    xactStart: row.xactStart,
    queryStart: row.queryStart,
    stateChange: row.stateChange,
    state: row.state,
    queryId: row.queryId,
    application: row.application,
    role: row.role,
    database: row.database,
    client: row.client,
    backendType: row.backendType,
    waitEventType: row.waitEventType,
    waitEvent: row.waitEvent,
    xactAgeMs: row.xactAgeMs,
    queryAgeMs: row.queryAgeMs,
    stateAgeMs: row.stateAgeMs,
    superuser: row.superuser,
    replication: row.replication,
    query: await safeQuery(row.query ?? '', { truncated: row.truncated }),
  };
}
