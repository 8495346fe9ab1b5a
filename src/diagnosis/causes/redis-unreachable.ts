import type { RedisReport } from '../../probes/redis.ts';
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
import type { Missing } from '../facts.ts';
import { milliseconds } from '../redis-stalls.ts';
import { count } from '../words.ts';

/** Error replies with which Redis refuses everybody. https://redis.io/docs/latest/develop/reference/protocol-spec/ */
const REFUSALS = ['LOADING', 'MASTERDOWN', 'CLUSTERDOWN', 'MISCONF', 'READONLY'] as const;

/** Redis cannot be reached, or answers nobody: what needs the cache, the circuit breaker or the broker fails or hangs. */
export const redisUnreachable: CauseRule = {
  id: 'redis-unreachable',
  title: 'Redis unreachable',
  hardStop: true,
  explanation: {
    what: 'Redis does not answer: it is down, loads its data set, is blocked as a whole, or takes no more clients. Requests that ask the cache, the idempotency keys or the circuit breaker fail or hang until their time-out, and no Celery task is queued.',
    signs:
      'Connections are refused or time out while the API suffers; or no client slot is left; or Redis answers with LOADING, MISCONF or another refusal, or rejects connections. Ruled out when it answers.',
    act: [
      'See whether it runs: systemctl status redis-server, and the end of its log.',
      'When it is loading, wait; when its client slots are used up, find who leaks connections.',
    ],
    avoid: ['Restarting it again while it loads: the loading begins anew.'],
    prevent: [
      'Short time-outs for Redis in Django: SOCKET_CONNECT_TIMEOUT and SOCKET_TIMEOUT below a second, and IGNORE_EXCEPTIONS for the cache.',
      'A replica with Sentinel, and client pools with a limit.',
    ],
  },
  needs: ['redis'],
  explainedBy: ['memory-swap-oom', 'disk-full'],

  judge(the) {
    const report = the.facts.reports.redis;
    if (!report) return couldNotLook('Redis was not looked at');
    const refusals = refusalsOf(report);
    const [first] = refusals;
    if (first && !nobodySuffers(the)) return found(the, `Redis turns callers away: ${first.text}.`, refusals);
    if (first) return ruledOut(`${first.text}, but the API does not suffer`, refusals);
    const answers = `Redis answers: ${report.ping.answered} of ${report.ping.sent} pings, p50 ${milliseconds(report.ping.p50Ms ?? 0)}`;
    if (!report.change) return couldNotLook(`${answers}; whether it turns others away could not be seen`);
    return ruledOut(answers, [{ text: answers, data: { ...report.ping } }]);
  },

  judgeMissing(the, missing): Verdict | null {
    if (!TELLING.has(missing.code)) return null;
    // Redis says itself that it is full; that it does not answer the bot may be the bot's own trouble.
    if (missing.code !== 'target-full' && nobodySuffers(the)) return null;
    // Where others are silent, too, it is the machine or the network, and Redis only one of many.
    if (missing.code === 'target-timeout' && othersAreSilent(the)) return null;
    return found(the, `Redis cannot be used: ${missing.reason}.`, [
      { text: missing.reason, data: { code: missing.code } satisfies Partial<Missing> },
    ]);
  },
};

const TELLING: ReadonlySet<string> = new Set(['target-unreachable', 'target-timeout', 'target-full']);

const OTHER_TARGETS = ['active-queries', 'gunicorn-workers', 'pgbouncer'] as const;

function othersAreSilent({ facts }: Case): boolean {
  return OTHER_TARGETS.some((id) => !facts.reports[id] && facts.missing(id).code === 'target-timeout');
}

function found(the: Case, summary: string, evidence: Evidence[]): Verdict {
  return {
    status: 'found',
    share: null,
    confidence: confidence(apiComplains(the)),
    summary,
    evidence,
    against: [],
    mitigations: [],
    advice: [
      'See whether it runs and what it says: systemctl status redis-server; journalctl -u redis-server -n 50',
      'Who holds its client slots, where those are used up: redis-cli CLIENT LIST, by name and address.',
    ],
  };
}

function refusalsOf({ server, change, ping }: RedisReport): Evidence[] {
  const rejected = change?.rejectedConnections ?? 0;
  return [
    ...(server?.loading ? [{ text: 'it is loading its data set from disk', data: { loading: true } }] : []),
    ...(rejected > 0
      ? [
          {
            text: `${count(rejected, 'connection was', 'connections were')} rejected in the window (maxclients)`,
            data: { rejected },
          },
        ]
      : []),
    ...REFUSALS.flatMap((name) => {
      const times = change?.errors[name] ?? 0;
      return times > 0
        ? [
            {
              text: `it answered ${name} ${count(times, 'time', 'times')} in the window`,
              data: { name, times },
            },
          ]
        : [];
    }),
    ...(ping.failed > 0
      ? [
          {
            text: `${count(ping.failed, 'ping', 'pings')} of ${ping.sent} failed: the connection was lost or refused`,
            data: { ...ping },
          },
        ]
      : []),
  ];
}
