import type { Session } from '../targets/backend.ts';
import { safeQuery } from '../targets/query-text.ts';

/** A row of pg_stat_activity as the SQL of the probes selects it: a session whose statement is still raw. */
export type SessionRow = Omit<Session, 'query'> & { query: string | null; truncated: boolean };

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
