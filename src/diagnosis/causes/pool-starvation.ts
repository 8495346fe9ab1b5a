import type { PgbouncerReport } from '../../probes/pgbouncer.ts';
import {
  apiComplains,
  type Case,
  type CauseRule,
  confidence,
  couldNotLook,
  nobodySuffers,
  ruledOut,
  shareOf,
} from '../cause-rule.ts';
import type { Evidence } from '../diagnosis.ts';
import { inFlightAt, withQueue } from '../ledger.ts';
import { type Holders, holdersOf, type Pool } from '../pool-holders.ts';
import { offerSignal, proposalsOf, withheldOf } from '../proposals.ts';
import { decimal, duration, percent, sessionName } from '../words.ts';

const MAX_OFFERS = 3;
const MAX_SHOWN = 5;

/** Clients of PgBouncer wait for a server connection: all of them are taken. */
export const poolStarvation: CauseRule = {
  id: 'pool-starvation',
  title: 'PgBouncer has no free connection',
  explanation: {
    what: 'All server connections of a pool of PgBouncer are taken, and requests wait for the next one that becomes free. PostgreSQL does not see these requests at all; to Django every query just takes long.',
    signs:
      'Clients wait in at least two samples, one of them for poolWaitMs or more, and no server connection is idle; or somebody waits most of the time. A cause of its own when sessions hold them idle in transaction, or when the pool is too small while PostgreSQL has nothing to do; otherwise the consequence of locks or slow statements. Ruled out when nobody waits.',
    act: [
      'See what the server connections do: waiting for locks, long statements, or idle in transaction.',
      'End old transactions that do nothing; each gives a connection back.',
      'A larger pool only when PostgreSQL has room for it.',
    ],
    avoid: [
      'A larger pool while the sessions wait for locks or for the CPU: more of them would.',
      'More Gunicorn workers: more clients for the same connections.',
      'KILL on the console of PgBouncer: it drops everybody.',
    ],
    prevent: [
      'idle_transaction_timeout in PgBouncer, idle_in_transaction_session_timeout in PostgreSQL.',
      'Exports and uploads outside of transaction.atomic(), on a pool of their own.',
      'An alert on cl_waiting and maxwait.',
    ],
  },
  needs: ['pgbouncer'],
  explainedBy: [
    ...['pgbouncer-paused', 'connection-exhaustion', 'lock-idle-in-tx', 'lock-active-writer'],
    ...['lock-queue-ddl', 'prepared-tx-orphan', 'celery-contention', 'long-running-query', 'missing-index'],
    ...['n-plus-one', 'plan-regression', 'stale-stats-bloat', 'sort-spill', 'io-saturation'],
    ...['checkpoint-storm', 'replication-backup-load', 'wraparound-vacuum', 'cpu-saturation-db'],
    ...['cpu-steal', 'memory-swap-oom', 'disk-full', 'downstream-api-slow', 'traffic-spike'],
  ],

  judge(the) {
    const report = the.facts.reports.pgbouncer;
    if (!report) return couldNotLook('PgBouncer was not looked at');
    const starved = starvedPools(the, report);
    const [worst] = starved;
    if (!worst) return notStarved(the, report);
    const words = waitWords(worst);
    const holders = holdersOf(the.facts, report, worst);
    const evidence = [...starved.slice(0, 3).map(poolEvidence), ...holderEvidence(holders)];
    if (nobodySuffers(the)) return ruledOut(`${words}, but the API does not suffer`, evidence);
    const share = shareOf(withQueue(inFlightAt(the.ledger, 'pool-wait'), the.ledger), the.ledger);
    const held = isHeld(the, holders);
    const offers = held ? offersFor(the, holders) : [];
    const explains = share === null ? '' : `: ${percent(share)} of request time`;
    return {
      status: 'found',
      share,
      confidence: confidence(held || apiComplains(the)),
      summary: `${words}, because ${reasonOf(worst, holders, held)}${explains}.`,
      evidence,
      against: againstOf(the, held),
      mitigations: proposalsOf(offers),
      advice: [...withheldOf(offers), ...adviceFor(report, worst, holders, held)],
      independent: held,
    };
  },
};

/** Pools of the application in which clients wait, not for a moment only, and no server connection is free. */
function starvedPools({ facts }: Case, report: PgbouncerReport): Pool[] {
  const { poolWaitMs } = facts.service.thresholds;
  return report.pools
    .filter(({ user }) => facts.isApplication(user))
    .filter(({ samplesWaiting }) => samplesWaiting >= 2)
    .filter(
      (pool) =>
        (pool.longestWaitMs >= poolWaitMs && pool.serversIdle === 0) || waitsMostOfTheTime(pool, report),
    )
    .sort((a, b) => b.averageWaiting - a.averageWaiting || a.database.localeCompare(b.database));
}

/** Each wait may be short, and a connection free at the end of the window, and yet most of the time somebody waits. */
const waitsMostOfTheTime = ({ averageWaiting, samplesWaiting }: Pool, { samples }: PgbouncerReport) =>
  averageWaiting >= 1 && samplesWaiting * 2 > samples;

function notStarved({ facts }: Case, report: PgbouncerReport) {
  const pools = report.pools.filter(({ user }) => facts.isApplication(user));
  const waiting = pools.reduce((sum, pool) => sum + pool.averageWaiting, 0);
  const longestMs = Math.max(0, ...pools.map((pool) => pool.longestWaitMs));
  const text =
    waiting === 0
      ? 'no request waits at PgBouncer'
      : `${decimal(waiting)} clients wait at PgBouncer on average, the longest for ${duration(longestMs)}, which connections that come free soon explain`;
  return ruledOut(text, [{ text, data: { averageWaiting: waiting, longestWaitMs: longestMs } }]);
}

/**
 * Whether idle transactions hold most of the connections for a reason of their own: nobody waits for their locks, and
 * they are not requests that wait for an outside call.
 */
function isHeld({ facts, ledger }: Case, holders: Holders | null): boolean {
  if (!holders || holders.part < 0.5) return false;
  const roots = new Set(
    (facts.reports['lock-tree']?.roots ?? []).filter((root) => root.waiters.length > 0).map(({ pid }) => pid),
  );
  if (holders.sessions.some(({ pid }) => roots.has(pid))) return false;
  return inFlightAt(ledger, 'pool-wait') >= inFlightAt(ledger, 'outside');
}

/** Only what is clearly old: a request that is between two statements is no target. */
function offersFor({ facts }: Case, holders: Holders | null) {
  const { longQueryMs } = facts.service.thresholds;
  if (!holders?.certain) return [];
  return holders.sessions
    .filter(({ stateAgeMs }) => (stateAgeMs ?? 0) >= longQueryMs)
    .slice(0, MAX_OFFERS)
    .map((session) => offerSignal('terminate-backend', session, facts));
}

const waitWords = ({ averageWaiting, longestWaitMs, user, database }: Pool): string =>
  `on average ${decimal(averageWaiting)} clients of ${user} wait at PgBouncer for a connection to ${database}, up to ${duration(longestWaitMs)}`.replace(
    /^on/,
    'On',
  );

function reasonOf(pool: Pool, holders: Holders | null, held: boolean): string {
  const size = `all ${pool.serversActive} server connections are in use`;
  if (!held || !holders) return size;
  const [oldest] = holders.sessions;
  const who = oldest ? `, the oldest, ${sessionName(oldest)}, for ${duration(oldest.stateAgeMs ?? 0)}` : '';
  return `${holders.sessions.length} of ${pool.serversActive} server connections sit idle in transaction${who}`;
}

function poolEvidence(pool: Pool): Evidence {
  const { database, user, averageWaiting, maxWaiting, serversActive, serversIdle, poolSize } = pool;
  const size = poolSize === null ? '' : ` (pool_size ${poolSize})`;
  return {
    text: `pool ${database}/${user}: ${decimal(averageWaiting)} clients waited on average, ${maxWaiting} at most; ${serversActive} server connections in use, ${serversIdle} idle${size}`,
    data: { ...pool },
  };
}

function holderEvidence(holders: Holders | null): Evidence[] {
  return (holders?.sessions ?? []).slice(0, MAX_SHOWN).map((session) => ({
    text: `${sessionName(session)} is idle in transaction for ${duration(session.stateAgeMs ?? 0)}; its last statement was: ${session.query.text}`,
    data: { pid: session.pid, stateAgeMs: session.stateAgeMs, xactAgeMs: session.xactAgeMs },
  }));
}

function againstOf({ facts }: Case, held: boolean): Evidence[] {
  const active = facts.reports['active-queries'];
  if (held || !active) return [];
  return [
    {
      text: `PostgreSQL works on ${decimal(active.totalActive)} statements at once: what they wait for comes first`,
      data: { totalActive: active.totalActive },
    },
  ];
}

function adviceFor(report: PgbouncerReport, pool: Pool, holders: Holders | null, held: boolean): string[] {
  const size = pool.poolSize ?? report.settings?.defaultPoolSize ?? null;
  if (!held) {
    const larger =
      size === null ? '' : ` On the console of PgBouncer: SET default_pool_size = ${Math.ceil(size * 1.5)};`;
    return [
      `Only when PostgreSQL has CPU and connections to spare: a larger pool.${larger} Write it to pgbouncer.ini too.`,
      'Otherwise it moves the queue into PostgreSQL, where it does more harm.',
    ];
  }
  const names = [...new Set((holders?.sessions ?? []).map(({ application }) => application || 'no name'))];
  return [
    `Stop what keeps transactions open: ${names.slice(0, 3).join(', ')}. Through PgBouncer, its clients get 57P01 and lose their connection.`,
    ...(report.settings?.idleTransactionTimeoutS
      ? []
      : ['idle_transaction_timeout = 30 in pgbouncer.ini ends the next one by itself.']),
    'Read first, end the transaction, then upload; or give the export a user, and so a pool, of its own.',
  ];
}
