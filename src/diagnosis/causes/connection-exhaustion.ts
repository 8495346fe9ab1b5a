import type { ConnectionPoolReport } from '../../probes/connection-pool.ts';
import {
  apiComplains,
  type Case,
  type CauseRule,
  confidence,
  couldNotLook,
  nobodySuffers,
  ruledOut,
  type Verdict,
} from '../cause-rule.ts';
import type { Evidence } from '../diagnosis.ts';
import { count, duration, percent } from '../words.ts';

type Limit = ConnectionPoolReport['limits'][number];

/** No connection slot is left, or hardly one: new requests are refused before they begin. */
export const connectionExhaustion: CauseRule = {
  id: 'connection-exhaustion',
  title: 'Connection slots exhausted',
  explanation: {
    what: 'Every connection slot of PostgreSQL is taken. New requests are refused before they begin, and so are people who want to look.',
    signs:
      "PostgreSQL refuses connections (53300), or at least connectionsCriticalRatio of the usable slots, or of a role's own limit, is used. Ruled out below that. Mostly the consequence of locks or slow queries; sessions that merely sit idle are a leak.",
    act: [
      'Deal with what the sessions wait for, when they wait.',
      'When most are idle: find the client by application and address, restart it, or terminate its oldest idle sessions.',
    ],
    avoid: [
      'Raising max_connections in the incident: it needs a restart and more memory.',
      'More Gunicorn workers: each opens a connection of its own.',
    ],
    prevent: [
      'PgBouncer in transaction mode, with CONN_MAX_AGE = 0 in Django.',
      'Connection limits for each role, so that one client cannot take the slots of all.',
      'reserved_connections and pg_use_reserved_connections for people and for the bot (PostgreSQL 16 and later).',
    ],
  },
  needs: ['connection-pool'],
  explainedBy: [
    ...['lock-idle-in-tx', 'lock-active-writer', 'lock-queue-ddl', 'prepared-tx-orphan'],
    ...['celery-contention', 'long-running-query', 'missing-index', 'n-plus-one', 'plan-regression'],
    ...['stale-stats-bloat', 'sort-spill', 'io-saturation', 'checkpoint-storm', 'replication-backup-load'],
    ...['wraparound-vacuum', 'cpu-saturation-db', 'cpu-steal', 'memory-swap-oom', 'disk-full'],
    ...['downstream-api-slow', 'traffic-spike'],
  ],

  judge(the) {
    const report = the.facts.reports['connection-pool'];
    if (!report) return couldNotLook('the connection slots were not looked at');
    const { connectionsCriticalRatio, connectionsClearRatio } = the.facts.service.thresholds;
    const full = fullLimits(the, report);
    const used = `${report.used} of ${report.usable} usable connection slots are taken (${percent(report.usedRatio)})`;
    if (report.usedRatio < connectionsCriticalRatio && full.length === 0) {
      const tight = report.usedRatio >= connectionsClearRatio ? ', which is tight but not exhausted' : '';
      return ruledOut(`${used}${tight}`, [{ text: used, data: numbersOf(report) }]);
    }
    // With the last slot gone somebody is refused at this moment, whatever the API's metrics tell yet.
    const isFull = report.used >= report.usable || full.some(({ used, limit }) => used >= limit);
    if (!isFull && nobodySuffers(the)) {
      return ruledOut(`${used}, but the API does not suffer`, [
        { text: used, data: numbersOf(report) },
        ...holdersOf(report),
      ]);
    }
    const [limit] = full;
    const summary =
      report.usedRatio >= connectionsCriticalRatio || !limit
        ? `${used}; most of them are ${majorityOf(report.byState)}.`
        : `${limit.kind} ${limit.name} has used ${limit.used} of its ${limit.limit} connections.`;
    return {
      status: 'found',
      // With no slot left, the requests that fail are those that got none; who merely waits cannot be told from others.
      share: isFull && (the.symptoms.errorRate ?? 0) > 0 ? the.symptoms.errorRate : null,
      // Somebody who waits or fails beside it is the second source.
      confidence: confidence(apiComplains(the)),
      summary,
      evidence: [{ text: used, data: numbersOf(report) }, ...holdersOf(report), ...full.map(limitEvidence)],
      against: [],
      mitigations: [],
      advice: [...leakAdvice(the, report), ...ADVICE],
      // Sessions that sit idle are a leak or a wrong pool size; no lock makes them.
      independent: idleShare(report) > 0.5,
    };
  },

  judgeMissing(_the, missing): Verdict | null {
    if (missing.code !== 'target-full') return null;
    return {
      status: 'found',
      share: null,
      confidence: 0.9,
      summary: 'PostgreSQL refuses new connections: every slot is taken (53300).',
      evidence: [{ text: missing.reason, data: { sqlState: '53300' } }],
      against: [],
      mitigations: [],
      advice: ADVICE,
    };
  },
};

const ADVICE = [
  'Look first at what the sessions do: exhaustion is mostly the consequence of locks or slow queries.',
  'CONN_MAX_AGE = 600 keeps more connections open, not fewer. Put PgBouncer in transaction mode before PostgreSQL, with CONN_MAX_AGE = 0.',
  'Reserve a way in: reserved_connections, and pg_use_reserved_connections for the probe role (PostgreSQL 16 and later).',
];

/** Idle for half as long as the oldest of them, and not more than this, is old enough to be ended by hand. */
const OLD_IDLE_S = 300;

/** What a person may paste where one client sits on most of the slots: only its old idle sessions. */
function leakAdvice({ facts }: Case, report: ConnectionPoolReport): string[] {
  if (idleShare(report) <= 0.5) return [];
  const leaks = report.groups.filter(
    ({ state, oldestInStateMs }) => state === 'idle' && oldestInStateMs !== null,
  );
  const [most] = leaks.sort((a, b) => b.count - a.count || a.application.localeCompare(b.application));
  if (!most || facts.service.mitigations.neverTouchRoles.includes(most.role)) return [];
  const { application, role, database, client, oldestInStateMs } = most;
  const seconds = Math.max(1, Math.min(OLD_IDLE_S, Math.floor((oldestInStateMs ?? 0) / 2_000)));
  const where = client === null ? '' : ' from one address';
  return [
    `${count(most.count, 'idle session is', 'idle sessions are')} of ${application || `role ${role}`}${where}, the oldest idle for ${duration(oldestInStateMs ?? 0)}: restart that client, or it takes the slots again.`,
    [
      'Or end its old idle sessions by hand; nothing is rolled back:',
      'select pg_terminate_backend(pid) from pg_stat_activity',
      `where application_name = ${literal(application)} and usename = ${literal(role)} and datname = ${literal(database)}`,
      `and backend_type = 'client backend' and state = 'idle'`,
      `and state_change < clock_timestamp() - interval '${seconds} seconds' and pid <> pg_backend_pid();`,
    ].join(' '),
  ];
}

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

function fullLimits({ facts }: Case, report: ConnectionPoolReport): Limit[] {
  const { connectionsCriticalRatio } = facts.service.thresholds;
  return report.limits.filter(
    ({ kind, name, used, limit }) =>
      limit > 0 &&
      used / limit >= connectionsCriticalRatio &&
      (kind === 'database' || isApplicationRole(facts, name)),
  );
}

/** With no roles configured every role counts as the application's, but another tool's limit is not its trouble. */
function isApplicationRole(facts: Case['facts'], name: string): boolean {
  return (facts.service.targets.postgres?.applicationRoles ?? []).includes(name);
}

function numbersOf({ used, usable, reserved, maxConnections, lockWaiters, byState }: ConnectionPoolReport) {
  return { used, usable, reserved, maxConnections, lockWaiters, byState };
}

function holdersOf(report: ConnectionPoolReport): Evidence[] {
  const list = (counts: Record<string, number>) =>
    Object.entries(counts)
      .slice(0, 4)
      .map(([name, n]) => `${name} ${n}`)
      .join(', ');
  return [
    { text: `by application: ${list(report.byApplication)}`, data: report.byApplication },
    { text: `by state: ${list(report.byState)}`, data: report.byState },
  ];
}

function limitEvidence({ kind, name, used, limit }: Limit): Evidence {
  return {
    text: `${kind} ${name}: ${used} of ${count(limit, 'connection', 'connections')}`,
    data: { kind, name, used, limit },
  };
}

function majorityOf(byState: Record<string, number>): string {
  return Object.entries(byState).sort(([, a], [, b]) => b - a)[0]?.[0] ?? 'of unknown state';
}

function idleShare(report: ConnectionPoolReport): number {
  const total = Object.values(report.byState).reduce((sum, n) => sum + n, 0);
  return total === 0 ? 0 : (report.byState.idle ?? 0) / total;
}
