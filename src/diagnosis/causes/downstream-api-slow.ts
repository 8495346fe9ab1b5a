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
import { inFlightAt } from '../ledger.ts';
import { offerMoreWorkers } from '../offers/workers.ts';
import { proposalsOf, withheldOf } from '../proposals.ts';
import { count, decimal, percent } from '../words.ts';

const MAX_VIEWS = 3;
/** What requests, urllib3, httpx and sockets raise when the other side is slow or away. */
const OUTSIDE_ERROR =
  /(Read|Connect|Pool|Write)?Timeout|ConnectionError|MaxRetryError|RemoteDisconnected|ProtocolError/;

/** Requests wait for somebody else's service, which is neither the database nor Redis nor their own CPU. */
export const downstreamApiSlow: CauseRule = {
  id: 'downstream-api-slow',
  title: 'Outside call slow',
  explanation: {
    what: 'The requests wait for a service outside: a payment processor, an agency, SFTP. Their workers sleep meanwhile, and when enough of them do, no worker is free for the other requests.',
    signs:
      'At least outsideShare of the request time is neither in PostgreSQL, nor in a queue, nor in Redis, nor at the CPU, while the workers hold requests and sleep. Ruled out when it is less; cannot be said when the database, Redis or busy workers could not be seen.',
    act: [
      'Find the service: the slow views, consecutive HTTP calls in Sentry, the state of the circuit breaker.',
      'Open its circuit breaker, or switch the feature off; shorten its time-out.',
      'When other requests wait for a worker meanwhile, and there is room: a few more workers.',
    ],
    avoid: [
      'Terminating database sessions: they are not what is waited for.',
      'Retries without a limit: they make the other side slower.',
    ],
    prevent: [
      'A connect and a read time-out for every outside call, far below the time-out of the workers.',
      'A circuit breaker for each service, and outside calls in Celery instead of in the request.',
    ],
  },
  needs: ['gunicorn-workers', 'active-queries'],
  explainedBy: [
    // Many short statements leave their workers asleep between two of them; a starved process sleeps, too.
    ...['n-plus-one', 'connection-churn', 'pgbouncer-paused', 'network'],
    ...[
      'cpu-saturation-api',
      'cpu-saturation-db',
      'cpu-steal',
      'memory-swap-oom',
      'redis-unreachable',
      'redis-slow-command',
      'redis-fork-aof-stall',
    ],
  ],

  judge(the) {
    const blind = the.ledger.blind.find(({ place }) => place === 'outside');
    if (blind) return couldNotLook(`outside calls cannot be told from the rest: ${blind.reason}`);
    const { outsideShare, workerQueue } = the.facts.service.thresholds;
    const outside = inFlightAt(the.ledger, 'outside');
    const share = shareOf(outside, the.ledger);
    const held =
      share === null
        ? 'no request was in flight'
        : `${percent(share)} of the request time is outside PostgreSQL, Redis and the CPU`;
    const evidence: Evidence[] = [
      {
        text: `on average ${decimal(outside)} of ${decimal(the.ledger.totalInFlight)} requests in flight were in none of the places that were looked at`,
        data: { outside, entries: the.ledger.entries },
      },
      ...workerEvidence(the),
    ];
    if (share === null || share < outsideShare) return ruledOut(held, evidence);
    if (nobodySuffers(the)) return ruledOut(`${held}, but the API does not suffer`, evidence);
    const errors = outsideErrors(the);
    const views = slowViews(the);
    // They help the others to a worker; whoever calls outside waits as long as before.
    const offers = inFlightAt(the.ledger, 'worker-queue') >= workerQueue ? [offerMoreWorkers(the)] : [];
    const where = views.length > 0 ? ` (${views.join(', ')})` : '';
    return {
      status: 'found',
      share,
      confidence: confidence(errors.length > 0 || apiComplains(the)),
      summary: `Requests wait for an outside call${where}: ${held}.`,
      evidence: [...evidence, ...errors],
      against: [{ text: 'what is called is not seen, only that nothing else is waited for', data: {} }],
      mitigations: proposalsOf(offers),
      advice: [
        ...withheldOf(offers),
        ...(views.length > 0 ? [`The slow views are ${views.join(', ')}: look for what they call.`] : []),
        ...ADVICE,
      ],
    };
  },
};

function workerEvidence({ facts }: Case): Evidence[] {
  const report = facts.reports['gunicorn-workers'];
  if (!report?.busy) return [];
  const { busy, workerCount, cpuCores } = report;
  return [
    {
      text: `${decimal(busy.average)} of ${count(workerCount, 'worker', 'workers')} held a request, and used ${decimal(cpuCores)} cores together`,
      data: { busy, workerCount, cpuCores, doing: report.doing },
    },
  ];
}

function outsideErrors({ facts }: Case): Evidence[] {
  const errors = (facts.reports['request-log']?.exceptions ?? []).filter(({ name }) =>
    OUTSIDE_ERROR.test(name),
  );
  return errors.map(({ name, count: times }) => ({
    text: `the log of the API has ${count(times, 'exception', 'exceptions')} ${name}`,
    data: { name, times },
  }));
}

function slowViews({ facts }: Case): string[] {
  const slow = facts.reports['api-latency']?.slowViews ?? [];
  return slow.slice(0, MAX_VIEWS).map((view) => facts.service.views[view] ?? view);
}

const ADVICE = [
  'A connect and a read time-out for the call, in seconds: requests.post(url, json=body, timeout=(1, 3))',
  'Open the circuit breaker of that service, so that requests fail at once instead of holding a worker.',
  'Never call it inside transaction.atomic(): the locks are held as long as it takes.',
];
