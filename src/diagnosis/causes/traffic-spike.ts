import type { ApiLatencyReport } from '../../probes/api-latency.ts';
import {
  type Case,
  type CauseRule,
  confidence,
  couldNotLook,
  nobodySuffers,
  ruledOut,
  shareOf,
  type Verdict,
} from '../cause-rule.ts';
import type { Evidence } from '../diagnosis.ts';
import { inFlightAt } from '../ledger.ts';
import { decimal, percent } from '../words.ts';

/** More requests come than usual, and each does what it always did. */
export const trafficSpike: CauseRule = {
  id: 'traffic-spike',
  title: 'Traffic spike',
  explanation: {
    what: 'Far more requests come than at this time on other days: a campaign, an import, a client that polls or retries. Each does what it always did; there are just too many for the workers.',
    signs:
      'The rate is trafficFactor times that of last week, of yesterday or of a healthy day, and a request sends no more statements than usual. Ruled out when the rate is usual, or when each request does more; a rate that rose after the latency did is a storm of retries, and the consequence of whatever was slow first.',
    act: [
      'Find who sends it in the access log: by client and by route.',
      'Limit that client, at the load balancer or with throttling of Django REST Framework.',
      'Scale out, when the database has room.',
    ],
    avoid: [
      'Killing database sessions: the next requests are there at once.',
      'Restarting: the queue is back in a moment, with cold caches.',
    ],
    prevent: [
      'Throttling per client (DEFAULT_THROTTLE_RATES), and Retry-After in answers of 429 and 503.',
      'Load tests with realistic data volumes, beyond the expected peak.',
      'Autoscaling by busy workers, with PgBouncer in front of the database.',
    ],
  },
  needs: ['api-latency'],
  // Clients that retry: what made the API slow came first.
  explainedBy: [
    ...['n-plus-one', 'missing-index', 'plan-regression', 'stale-stats-bloat', 'redis-unreachable'],
    ...['lock-idle-in-tx', 'lock-queue-ddl', 'prepared-tx-orphan', 'pgbouncer-paused'],
  ],

  judge(the) {
    const report = the.facts.reports['api-latency'];
    if (!report) return couldNotLook('the metrics of the API were not read');
    const usual = usualOf(report);
    if (!usual)
      return couldNotLook(
        `there is no usual rate to compare with: ${report.noYesterday ?? 'nothing is kept of other days'}`,
      );
    const { trafficFactor, workerQueue } = the.facts.service.thresholds;
    const factor = report.overall.rps / usual.rps;
    const evidence = [rateEvidence(report, usual, factor)];
    const words = `${decimal(report.overall.rps)} requests a second, ${decimal(factor)} times as many as ${usual.when}`;
    if (factor < trafficFactor) {
      const queue = inFlightAt(the.ledger, 'worker-queue');
      // Counted when they complete: while they queue, more may come than complete.
      return factor >= 1 && queue >= workerQueue
        ? couldNotLook(
            `${words} complete, and ${decimal(queue)} wait for a worker: how many come cannot be told`,
          )
        : ruledOut(words, evidence);
    }
    const growth = statementsGrowth(the, usual.rps);
    if (growth !== null && growth >= trafficFactor) {
      return ruledOut(
        `${words}, but each sends ${decimal(growth)} times as many statements as usual`,
        evidence,
      );
    }
    return nobodySuffers(the)
      ? ruledOut(`${words}, but the API does not suffer`, evidence)
      : found(the, words, factor, growth, evidence);
  },
};

function found(
  the: Case,
  words: string,
  factor: number,
  growth: number | null,
  evidence: Evidence[],
): Verdict {
  const share = shareOf(the.ledger.totalInFlight * (1 - 1 / factor), the.ledger);
  const errorRate = the.symptoms.errorRate ?? 0;
  const { criticalErrorRatio } = the.facts.service.thresholds;
  return {
    status: 'found',
    share,
    // Metrics of the API count the requests, pg_stat_statements what each of them does.
    confidence: confidence(growth !== null),
    summary: `More traffic than the API can carry: ${words}${growth === null ? '' : ', while each request does what it always did'}.`,
    evidence: [...evidence, ...(growth === null ? [] : [growthEvidence(growth)]), ...viewsOf(the)],
    against:
      errorRate >= criticalErrorRatio
        ? [
            {
              text: `${percent(errorRate)} of the requests fail: they may be retries of what failed before`,
              data: { errorRate },
            },
          ]
        : [],
    mitigations: [],
    advice: [
      "Who sends it: awk '{print $1}' <access log> | tail -20000 | sort | uniq -c | sort -rn | head",
      "Throttle it: REST_FRAMEWORK = {'DEFAULT_THROTTLE_CLASSES': ['rest_framework.throttling.ScopedRateThrottle'], 'DEFAULT_THROTTLE_RATES': {'<scope>': '60/min'}}",
      'More workers or machines help as long as the CPU and the database have room; look at their ledger entries first.',
    ],
  };
}

interface Usual {
  rps: number;
  when: string;
  source: string;
}

/** The same weekday says most; any healthy day is better than nothing. */
function usualOf({ lastWeek, yesterday, normal }: ApiLatencyReport): Usual | null {
  const known = [
    { day: lastWeek, when: 'at this time last week' },
    { day: yesterday, when: 'at this time yesterday' },
    { day: normal, when: 'on a healthy day' },
  ];
  for (const { day, when } of known) {
    if (day && day.rps > 0) return { rps: day.rps, when, source: day.source };
  }
  return null;
}

/** Statements per request over those of a healthy day, of the statements that both know; null when none is known. */
function statementsGrowth({ facts }: Case, usualRps: number): number | null {
  const report = facts.reports['api-latency'];
  const healthyRps = report?.normal?.rps ?? usualRps;
  const known = (facts.reports['top-statements']?.statements ?? []).flatMap(
    ({ isApplication, callsPerSecond, normal }) =>
      isApplication && normal ? [{ now: callsPerSecond, usual: normal.callsPerSecond }] : [],
  );
  const usual = known.reduce((sum, one) => sum + one.usual, 0) / healthyRps;
  const now = known.reduce((sum, one) => sum + one.now, 0) / (report?.overall.rps ?? 0);
  return usual > 0 && Number.isFinite(now) ? now / usual : null;
}

function rateEvidence({ overall }: ApiLatencyReport, usual: Usual, factor: number): Evidence {
  return {
    text: `${decimal(overall.rps)} requests a second completed; ${usual.when} it was ${decimal(usual.rps)} (${usual.source})`,
    data: { probe: 'api-latency', rps: overall.rps, usualRps: usual.rps, factor },
  };
}

const growthEvidence = (growth: number): Evidence => ({
  text: `a request sends ${decimal(growth)} times the statements of a healthy day`,
  data: { probe: 'top-statements', growth },
});

/** Which routes are asked for the most. */
function viewsOf({ facts }: Case): Evidence[] {
  const views = Object.entries(facts.reports['api-latency']?.byView ?? {})
    .sort(([a, { rps }], [b, other]) => other.rps - rps || a.localeCompare(b))
    .slice(0, 3);
  return views.length === 0
    ? []
    : [
        {
          text: `most asked: ${views.map(([view, { rps }]) => `${view} ${decimal(rps)} a second`).join(', ')}`,
          data: Object.fromEntries(views.map(([view, { rps }]) => [view, rps])),
        },
      ];
}
