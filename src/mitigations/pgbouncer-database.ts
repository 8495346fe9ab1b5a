import { z } from 'zod';
import type { NamedService } from '../config/schema.ts';
import { BotError } from '../errors.ts';
import { databasesOf, numberOf, poolsOf } from '../probes/pgbouncer-rows.ts';
import type { PgBouncerTarget } from '../targets/pgbouncer.ts';
import { titleOf } from '../targets/pgbouncer-admin.ts';
import type { ShowRow } from '../targets/pgbouncer-console.ts';
import type { MitigationContext } from './mitigation.ts';

/** One database of PgBouncer as it was when the act was proposed. */
export const PooledTarget = z.object({
  /** Where the console is: "pgbouncer:6432". */
  console: z.string(),
  database: z.string().min(1).max(200),
  /**
   * Microseconds that PgBouncer had seen servers work for it: none are added while it is paused, and a restart begins
   * anew. Its count of transactions would not do, it counts clients that gave up waiting too. Null where it was not seen.
   */
  queryMicros: z.number().nullable(),
});
export type PooledTarget = z.infer<typeof PooledTarget>;

/** Its pools, all users together. */
export const PoolsNow = z.object({
  clientsActive: z.number(),
  clientsWaiting: z.number(),
  /** Age of the client that waits longest. */
  maxWaitMs: z.number(),
  servers: z.number(),
  poolSize: z.number().nullable(),
  disabled: z.boolean(),
});
export type PoolsNow = z.infer<typeof PoolsNow>;

/** Why nothing can be told to the PgBouncer of this service; null when it can. */
export function noAdmin({ targets }: NamedService): string | null {
  if (!targets.pgbouncer) return 'no PgBouncer is configured (targets.pgbouncer)';
  return targets.pgbouncer.adminUrl
    ? null
    : 'the bot only looks at PgBouncer, targets.pgbouncer.adminUrl is not set';
}

/** Where the console of this service is; null where none is configured. */
export function consoleTitleOf({ targets }: NamedService): string | null {
  return targets.pgbouncer ? titleOf(targets.pgbouncer.url) : null;
}

export function pgbouncerOf({ targets }: MitigationContext): PgBouncerTarget {
  if (targets.pgbouncer) return targets.pgbouncer;
  throw new BotError('not-configured', 'no PgBouncer is configured for this service');
}

export interface Seen {
  paused: boolean;
  queryMicros: number | null;
  pools: PoolsNow;
}

type Ask = (what: 'DATABASES' | 'STATS' | 'POOLS') => Promise<ShowRow[]>;

/** Reads one database of PgBouncer; null when there is none of that name. */
export async function seeDatabase(name: string, ask: Ask): Promise<Seen | null> {
  const database = databasesOf(await ask('DATABASES')).find((one) => one.name === name);
  if (!database) return null;
  const stats = (await ask('STATS')).find((row) => row.database === name);
  const pools = poolsOf(await ask('POOLS')).filter((pool) => pool.database === name);
  const sum = (of: (pool: (typeof pools)[number]) => number) =>
    pools.reduce((total, pool) => total + of(pool), 0);
  return {
    paused: database.paused,
    queryMicros: stats ? numberOf(stats, 'total_query_time') : null,
    pools: {
      clientsActive: sum((pool) => pool.clientsActive),
      clientsWaiting: sum((pool) => pool.clientsWaiting),
      maxWaitMs: Math.max(0, ...pools.map((pool) => pool.maxWaitMs)),
      servers: sum(
        (pool) =>
          pool.serversActive + pool.serversIdle + pool.serversUsed + pool.serversTested + pool.serversLogin,
      ),
      poolSize: database.poolSize,
      disabled: database.disabled,
    },
  };
}

/** What is another one by now, for both acts. */
export function commonDifference(target: PooledTarget, now: Seen | null, console: string): string | null {
  if (console !== target.console) return `another PgBouncer is configured by now: ${console}`;
  if (!now) return `PgBouncer has no database ${target.database} any more`;
  if (target.queryMicros !== null && now.queryMicros !== null && now.queryMicros < target.queryMicros)
    return 'PgBouncer was restarted since';
  return null;
}

/** "3 clients use it, 5 wait, the longest for 4 s; 10 server connections of at most 10 for each user." */
export function poolLines({
  clientsActive,
  clientsWaiting,
  maxWaitMs,
  servers,
  poolSize,
  disabled,
}: PoolsNow): string[] {
  const longest = clientsWaiting > 0 ? `, the longest for ${Math.round(maxWaitMs / 1_000)} s` : '';
  const size = poolSize === null ? '' : `, of ${poolSize} at most for each user`;
  return [
    `${clientsActive} ${clientsActive === 1 ? 'client has' : 'clients have'} a connection, ${clientsWaiting} wait${longest}.`,
    `${servers} server ${servers === 1 ? 'connection' : 'connections'}${size}.`,
    ...(disabled ? ['It is disabled as well: new clients are refused until ENABLE.'] : []),
  ];
}
