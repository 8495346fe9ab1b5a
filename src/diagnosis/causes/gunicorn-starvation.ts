import type { GunicornWorkersReport } from '../../probes/gunicorn-workers.ts';
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
import type { Evidence, Place } from '../diagnosis.ts';
import { hostOf } from '../hosts.ts';
import { inFlightAt } from '../ledger.ts';
import { offerMoreWorkers } from '../offers/workers.ts';
import { proposalsOf } from '../proposals.ts';
import { count, decimal, percent } from '../words.ts';

/** Requests wait in the listen queue: no worker is free to take them. */
export const gunicornStarvation: CauseRule = {
  id: 'gunicorn-starvation',
  title: 'No free Gunicorn worker',
  explanation: {
    what: "All workers are busy, and new requests wait in the listen queue of the socket. Neither Django's nor Gunicorn's own timings show that wait: clients see seconds, the access log does not.",
    signs:
      'On average at least workerQueue connections wait to be accepted, in most of the looks. Ruled out when the queue is empty. Mostly the consequence of what the workers wait for: a lock, slow statements, an outside call.',
    act: [
      'Mend what the workers wait for first.',
      'When it is nothing but load, and CPU, memory and connections are free: a few more workers, one after the other (TTIN to the master).',
    ],
    avoid: [
      'More workers while they wait for locks or for a saturated database: each brings more of the same, and a connection.',
      'HUP or a restart to get more: it returns to the configured number.',
    ],
    prevent: [
      'A time-out for every outside call, far below the time-out of the workers.',
      'An alert on the listen queue (Recv-Q of the socket), and worker counts from load tests.',
    ],
  },
  needs: ['gunicorn-workers'],
  explainedBy: [
    ...[
      'lock-idle-in-tx',
      'lock-active-writer',
      'lock-queue-ddl',
      'prepared-tx-orphan',
      'long-running-query',
    ],
    ...[
      'missing-index',
      'n-plus-one',
      'plan-regression',
      'stale-stats-bloat',
      'sort-spill',
      'celery-contention',
    ],
    ...['connection-exhaustion', 'pool-starvation', 'pgbouncer-paused', 'connection-churn', 'network'],
    ...['io-saturation', 'checkpoint-storm', 'replication-backup-load', 'wraparound-vacuum', 'disk-full'],
    ...['redis-slow-command', 'redis-fork-aof-stall', 'redis-memory-eviction', 'redis-unreachable'],
    ...['cpu-saturation-api', 'cpu-saturation-db', 'cpu-steal', 'memory-swap-oom'],
    ...['downstream-api-slow', 'traffic-spike'],
  ],

  judge(the) {
    const report = the.facts.reports['gunicorn-workers'];
    if (!report?.backlog) {
      const reason = report?.notSeen.find(({ what }) => what === 'listen queue')?.reason;
      return couldNotLook(reason ?? 'the listen queue of Gunicorn could not be read');
    }
    const { workerQueue } = the.facts.service.thresholds;
    const { average, samples } = report.backlog;
    const waited = samples.filter((queued) => queued >= workerQueue).length;
    const words = `on average ${decimal(average)} connections waited for one of ${count(report.workerCount, 'worker', 'workers')}`;
    const evidence = evidenceOf(the, report, words);
    if (average < workerQueue || waited * 2 <= samples.length) return ruledOut(words, evidence);
    if (nobodySuffers(the)) return ruledOut(`${words}, but the API does not suffer`, evidence);
    return found(the, report, words, evidence);
  },
};

function found(the: Case, report: GunicornWorkersReport, words: string, evidence: Evidence[]): Verdict {
  const share = shareOf(inFlightAt(the.ledger, 'worker-queue'), the.ledger);
  const overflows = hostOf(the.facts, 'api')?.network.listenOverflows ?? 0;
  const allBusy = report.busy !== null && report.busy.average > report.workerCount - 1;
  const explains = share === null ? '' : `, ${percent(share)} of request time`;
  const offer = offerMoreWorkers(the);
  return {
    status: 'found',
    share,
    confidence: confidence(allBusy || overflows > 0),
    summary: `No worker of Gunicorn is free: ${words}${explains}.`,
    evidence:
      overflows > 0
        ? [
            ...evidence,
            {
              text: `${count(overflows, 'connection was', 'connections were')} dropped, the listen queue was full`,
              data: { overflows },
            },
          ]
        : evidence,
    against: againstOf(the, report),
    mitigations: proposalsOf([offer]),
    advice: 'withheld' in offer ? [offer.withheld] : [byHand(report)],
  };
}

function evidenceOf({ facts }: Case, report: GunicornWorkersReport, words: string): Evidence[] {
  const { busy, doing, backlog, startedInWindow } = report;
  const log = facts.reports['request-log'];
  const doings = Object.entries(doing).map(([what, n]) => `${n} ${what}`);
  return [
    { text: words, data: { backlog, workerCount: report.workerCount } },
    ...(busy
      ? [
          {
            text: `${decimal(busy.average)} of ${report.workerCount} workers were busy on average`,
            data: { busy },
          },
        ]
      : []),
    ...(doings.length > 0 ? [{ text: `what they did: ${doings.join(', ')}`, data: { doing } }] : []),
    ...(startedInWindow > 0
      ? [
          {
            text: `${count(startedInWindow, 'worker was', 'workers were')} started in the window: workers die`,
            data: { startedInWindow },
          },
        ]
      : []),
    ...(log && log.workerTimeouts > 0
      ? [
          {
            text: `${count(log.workerTimeouts, 'worker was', 'workers were')} killed by Gunicorn's time-out`,
            data: { workerTimeouts: log.workerTimeouts },
          },
        ]
      : []),
  ];
}

const DOWNSTREAM: [place: Place, words: string][] = [
  ['lock-wait', 'waits for locks'],
  ['db-io', "waits for the database's disk"],
  ['db-cpu', "is at the database's CPU"],
  ['pool-wait', 'waits for a pooled connection'],
  ['redis', 'waits for Redis'],
  ['outside', 'is in outside calls'],
];

function againstOf({ ledger }: Case, { busy, workerCount }: GunicornWorkersReport): Evidence[] {
  const held = ledger.totalInFlight - inFlightAt(ledger, 'worker-queue');
  const [place, words] =
    DOWNSTREAM.toSorted((a, b) => inFlightAt(ledger, b[0]) - inFlightAt(ledger, a[0]))[0] ?? [];
  const part = place && held > 0 ? inFlightAt(ledger, place) / held : 0;
  return [
    ...(part > 0
      ? [
          {
            text: `${percent(part)} of what the workers hold ${words}: more workers do not help that`,
            data: { place, part },
          },
        ]
      : []),
    ...(busy && busy.average <= workerCount - 1
      ? [
          {
            text: `only ${decimal(busy.average)} of ${workerCount} workers were busy: the others start up or hang`,
            data: { busy },
          },
        ]
      : []),
  ];
}

/** By hand, for who would rather do it that way; the signal is lost on the next reload or deploy. */
function byHand({ master }: GunicornWorkersReport): string {
  return `There is room for one more worker: kill -TTIN ${master.pid}, wait until it shows, and look again. kill -TTOU ${master.pid} takes it back; a reload or deploy does too.`;
}
