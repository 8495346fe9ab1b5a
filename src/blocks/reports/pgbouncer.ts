import { count, decimal } from '../../diagnosis/words.ts';
import type { PgbouncerReport } from '../../probes/pgbouncer.ts';
import { bullets, type MessageBlock, rich, span, table } from '../kit.ts';
import { milliseconds } from '../text.ts';
import { notSeenBlocks } from './report-words.ts';

const MAX_POOLS = 8;
const MAX_FACTS = 6;

/** Who waits at PgBouncer for a connection, and how many there are to share. */
export function pgbouncerBlocks(report: PgbouncerReport): MessageBlock[] {
  const { averageWaiting, maxWaiting, settings, usedClients } = report;
  const waiting =
    maxWaiting === 0
      ? 'Nobody waits for a connection of the pool.'
      : `${decimal(averageWaiting)} clients wait for a connection of the pool on average, ${maxWaiting} at most.`;
  const room =
    usedClients === null || settings?.maxClientConn == null
      ? ''
      : ` ${usedClients} of ${settings.maxClientConn} client slots are in use.`;
  return [
    rich(
      span(waiting, { bold: true }),
      span(`${room} PgBouncer ${report.version ?? 'of an unknown version'}.`),
    ),
    ...poolTable(report),
    ...facts(report),
    ...notSeenBlocks(report.notSeen),
  ];
}

function poolTable({ pools, poolsLeftOut }: PgbouncerReport): MessageBlock[] {
  return table(
    'Pools, those with the most waiting first',
    ['database', 'user', 'waiting', 'longest wait', 'servers active', 'idle', 'pool size', 'mode'],
    pools
      .slice(0, MAX_POOLS)
      .map((pool) => [
        pool.database,
        pool.user,
        { value: pool.averageWaiting, text: decimal(pool.averageWaiting) },
        { value: pool.longestWaitMs, text: milliseconds(pool.longestWaitMs) },
        pool.serversActive,
        pool.serversIdle + pool.serversUsed,
        pool.poolSize,
        pool.poolMode,
      ]),
    Math.max(0, pools.length - MAX_POOLS) + poolsLeftOut,
  );
}

function facts({ databases, traffic, pools }: PgbouncerReport): MessageBlock[] {
  const stopped = databases
    .filter(({ paused, disabled }) => paused || disabled)
    .map(({ name, paused, disabled }) => {
      const states = [
        paused ? 'paused: clients wait until RESUME' : '',
        disabled ? 'disabled: clients are refused until ENABLE' : '',
      ];
      return `${name} is ${states.filter((state) => state !== '').join(', and ')}`;
    });
  const logins = pools
    .filter(({ serversLogin, clientsWaiting }) => serversLogin > 0 && clientsWaiting > 0)
    .map(
      ({ database, serversLogin }) =>
        `${database}: ${count(serversLogin, 'server is', 'servers are')} still logging in`,
    );
  const busy = traffic
    .filter(({ queryPerSecond }) => queryPerSecond > 0)
    .slice(0, 3)
    .map(
      (one) =>
        `${one.database}: ${decimal(one.queryPerSecond)} queries/s of ${milliseconds(one.averageQueryMs)}, transactions of ${milliseconds(one.averageXactMs)}, ${decimal(one.averageInQuery)} servers in a query, ${decimal(one.averageIdleInTransaction)} held idle in a transaction`,
    );
  const lines = [...stopped, ...logins, ...busy];
  return lines.length > 0 ? [bullets(lines.slice(0, MAX_FACTS), 'Traffic and state', 300)] : [];
}
