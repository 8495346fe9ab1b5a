import { consoleTitleOf, type PooledTarget, type PoolsNow } from '../../mitigations/pgbouncer-database.ts';
import type { PgbouncerReport } from '../../probes/pgbouncer.ts';
import type { Facts } from '../facts.ts';
import type { Offer } from '../proposals.ts';

type Database = PgbouncerReport['databases'][number];

/** Offers to resume a database that PgBouncer itself shows as paused. */
export function offerResume(report: PgbouncerReport, database: Database, facts: Facts): Offer {
  const target = targetOf(report, database, facts);
  if (!target) return { withheld: 'No button for RESUME: no PgBouncer is configured.' };
  if (!database.paused)
    return { withheld: `No button for ${database.name}: it is disabled, and RESUME does not end that.` };
  const title = `Resume ${database.name} in PgBouncer`;
  return {
    proposal: { kind: 'pgbouncer-resume', title, risk: 'medium', target, dryRun: poolsOf(report, database) },
  };
}

/** Offers to renew the server connections of a database, for settings that count for new sessions alone. */
export function offerReconnect(report: PgbouncerReport, database: Database, facts: Facts): Offer {
  const target = targetOf(report, database, facts);
  if (!target) return { withheld: 'No button for RECONNECT: no PgBouncer is configured.' };
  if (database.paused) return { withheld: `No button for RECONNECT: ${database.name} is paused.` };
  const title = `Renew the server connections of ${database.name} in PgBouncer`;
  return {
    proposal: { kind: 'pgbouncer-reconnect', title, risk: 'low', target, dryRun: poolsOf(report, database) },
  };
}

function targetOf(report: PgbouncerReport, { name }: Database, { service }: Facts): PooledTarget | null {
  const console = consoleTitleOf(service);
  const traffic = report.traffic.find(({ database }) => database === name);
  return console === null
    ? null
    : { console, database: name, queryMicros: traffic?.totalQueryMicros ?? null };
}

function poolsOf(report: PgbouncerReport, { name, poolSize, disabled }: Database): PoolsNow {
  const pools = report.pools.filter(({ database }) => database === name);
  const sum = (of: (pool: (typeof pools)[number]) => number) =>
    pools.reduce((total, pool) => total + of(pool), 0);
  return {
    clientsActive: sum((pool) => pool.clientsActive),
    clientsWaiting: sum((pool) => pool.clientsWaiting),
    maxWaitMs: Math.max(0, ...pools.map((pool) => pool.maxWaitMs)),
    servers: sum(
      (pool) =>
        pool.serversActive + pool.serversIdle + pool.serversUsed + pool.serversTested + pool.serversLogin,
    ),
    poolSize,
    disabled,
  };
}
