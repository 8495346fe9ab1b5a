import { z } from 'zod';
import type { ShowRow } from '../targets/pgbouncer-console.ts';

/** A number of the console, where all is text; null when this version has no such column. */
export function numberOf(row: ShowRow, ...columns: string[]): number | null {
  for (const column of columns) {
    const value = row[column];
    if (value !== undefined && value !== null && value !== '') {
      const number = Number(value);
      if (Number.isFinite(number)) return number;
    }
  }
  return null;
}

const isConsole = (row: ShowRow) => row.database === 'pgbouncer' || row.name === 'pgbouncer';

/** One row of SHOW POOLS: the clients and servers of a user in a database. */
export const PoolNow = z.object({
  database: z.string(),
  user: z.string(),
  poolMode: z.string().nullable(),
  clientsActive: z.number(),
  clientsWaiting: z.number(),
  serversActive: z.number(),
  serversIdle: z.number(),
  /** Idle for a while, to be tested before they are used again. */
  serversUsed: z.number(),
  serversTested: z.number(),
  serversLogin: z.number(),
  /** Age of the client that waits longest now. */
  maxWaitMs: z.number(),
});
export type PoolNow = z.infer<typeof PoolNow>;

/** Reads SHOW POOLS, without the pool of the console itself. */
export function poolsOf(rows: ShowRow[]): PoolNow[] {
  return rows
    .filter((row) => !isConsole(row))
    .map((row) => ({
      database: row.database ?? '',
      user: row.user ?? '',
      poolMode: row.pool_mode ?? null,
      clientsActive: numberOf(row, 'cl_active') ?? 0,
      clientsWaiting: numberOf(row, 'cl_waiting') ?? 0,
      serversActive: numberOf(row, 'sv_active') ?? 0,
      serversIdle: numberOf(row, 'sv_idle') ?? 0,
      serversUsed: numberOf(row, 'sv_used') ?? 0,
      serversTested: numberOf(row, 'sv_tested') ?? 0,
      serversLogin: numberOf(row, 'sv_login') ?? 0,
      maxWaitMs: (numberOf(row, 'maxwait') ?? 0) * 1_000 + (numberOf(row, 'maxwait_us') ?? 0) / 1_000,
    }));
}

/** One row of SHOW DATABASES, without addresses. */
export const PooledDatabase = z.object({
  name: z.string(),
  poolMode: z.string().nullable(),
  /** Servers that each user of it may have. */
  poolSize: z.number().nullable(),
  reservePoolSize: z.number().nullable(),
  /** Of all its users; null without a limit. */
  maxConnections: z.number().nullable(),
  currentConnections: z.number().nullable(),
  /** Somebody said PAUSE: clients wait until RESUME. */
  paused: z.boolean(),
  /** Somebody said DISABLE: clients are refused until ENABLE. */
  disabled: z.boolean(),
});
export type PooledDatabase = z.infer<typeof PooledDatabase>;

/** Reads SHOW DATABASES. */
export function databasesOf(rows: ShowRow[]): PooledDatabase[] {
  return rows
    .filter((row) => !isConsole(row))
    .map((row) => ({
      name: row.name ?? '',
      poolMode: row.pool_mode ?? null,
      poolSize: numberOf(row, 'pool_size'),
      reservePoolSize: numberOf(row, 'reserve_pool_size', 'reserve_pool'),
      maxConnections: numberOf(row, 'max_connections') || null,
      currentConnections: numberOf(row, 'current_connections'),
      paused: numberOf(row, 'paused') === 1,
      disabled: numberOf(row, 'disabled') === 1,
    }));
}

/** What one database did in the window, from two SHOW STATS. */
export const DatabaseTraffic = z.object({
  database: z.string(),
  /** Since PgBouncer was started, at the end of the window. Reports of before do not have it. */
  totalQueryMicros: z.number().nullable().default(null),
  xactPerSecond: z.number(),
  queryPerSecond: z.number(),
  averageXactMs: z.number().nullable(),
  averageQueryMs: z.number().nullable(),
  /** Servers that ran a query, on average. */
  averageInQuery: z.number(),
  /** Servers that a client held in a transaction without running a query, on average. */
  averageIdleInTransaction: z.number(),
  /** Milliseconds of waiting for a server that ended in the window, by second; by 1,000 it is clients waiting. */
  waitMsPerSecond: z.number(),
  receivedBytesPerSecond: z.number(),
  sentBytesPerSecond: z.number(),
});
export type DatabaseTraffic = z.infer<typeof DatabaseTraffic>;

/** The difference of two SHOW STATS; a database whose counters ran backwards (restart, reload) is left out. */
export function trafficBetween(begin: ShowRow[], end: ShowRow[], windowMs: number): DatabaseTraffic[] {
  const before = new Map(begin.map((row) => [row.database, row]));
  const seconds = windowMs / 1_000;
  return end
    .filter((row) => !isConsole(row) && before.has(row.database))
    .flatMap((row) => {
      const was = before.get(row.database) ?? {};
      const delta = (column: string) => (numberOf(row, column) ?? 0) - (numberOf(was, column) ?? 0);
      const [xacts, queries] = [delta('total_xact_count'), delta('total_query_count')];
      const [xactMicros, queryMicros] = [delta('total_xact_time'), delta('total_query_time')];
      if (xacts < 0 || queries < 0) return [];
      return {
        database: row.database ?? '',
        totalQueryMicros: numberOf(row, 'total_query_time'),
        xactPerSecond: xacts / seconds,
        queryPerSecond: queries / seconds,
        averageXactMs: xacts > 0 ? xactMicros / xacts / 1_000 : null,
        averageQueryMs: queries > 0 ? queryMicros / queries / 1_000 : null,
        averageInQuery: queryMicros / 1e6 / seconds,
        averageIdleInTransaction: Math.max(0, (xactMicros - queryMicros) / 1e6 / seconds),
        waitMsPerSecond: delta('total_wait_time') / 1_000 / seconds,
        receivedBytesPerSecond: delta('total_received') / seconds,
        sentBytesPerSecond: delta('total_sent') / seconds,
      };
    })
    .sort((a, b) => b.queryPerSecond - a.queryPerSecond);
}

/** The settings that decide how many may run and how long the others wait. */
export const PoolSettings = z.object({
  poolMode: z.string().nullable(),
  maxClientConn: z.number().nullable(),
  defaultPoolSize: z.number().nullable(),
  minPoolSize: z.number().nullable(),
  reservePoolSize: z.number().nullable(),
  reservePoolTimeoutS: z.number().nullable(),
  maxDbConnections: z.number().nullable(),
  maxUserConnections: z.number().nullable(),
  queryWaitTimeoutS: z.number().nullable(),
  serverLifetimeS: z.number().nullable(),
  serverIdleTimeoutS: z.number().nullable(),
  serverLoginRetryS: z.number().nullable(),
  idleTransactionTimeoutS: z.number().nullable(),
  /** Since 1.21; 0 means that prepared statements break in transaction mode. */
  maxPreparedStatements: z.number().nullable(),
});

/** Reads SHOW CONFIG, of which nothing else is kept: it also names files and addresses. */
export function settingsOf(rows: ShowRow[]): z.infer<typeof PoolSettings> {
  const all: ShowRow = Object.fromEntries(rows.map((row) => [row.key ?? '', row.value ?? null]));
  return {
    poolMode: all.pool_mode ?? null,
    maxClientConn: numberOf(all, 'max_client_conn'),
    defaultPoolSize: numberOf(all, 'default_pool_size'),
    minPoolSize: numberOf(all, 'min_pool_size'),
    reservePoolSize: numberOf(all, 'reserve_pool_size'),
    reservePoolTimeoutS: numberOf(all, 'reserve_pool_timeout'),
    maxDbConnections: numberOf(all, 'max_db_connections'),
    maxUserConnections: numberOf(all, 'max_user_connections'),
    queryWaitTimeoutS: numberOf(all, 'query_wait_timeout'),
    serverLifetimeS: numberOf(all, 'server_lifetime'),
    serverIdleTimeoutS: numberOf(all, 'server_idle_timeout'),
    serverLoginRetryS: numberOf(all, 'server_login_retry'),
    idleTransactionTimeoutS: numberOf(all, 'idle_transaction_timeout'),
    maxPreparedStatements: numberOf(all, 'max_prepared_statements'),
  };
}
