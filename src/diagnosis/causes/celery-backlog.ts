import type { CeleryReport } from '../../probes/celery.ts';
import {
  apiComplains,
  type CauseRule,
  confidence,
  couldNotLook,
  nobodySuffers,
  ruledOut,
} from '../cause-rule.ts';
import type { Evidence } from '../diagnosis.ts';
import { count, decimal } from '../words.ts';

type Queue = CeleryReport['queues'][number];

/** Queues of Celery grow though workers take from them: mostly the consequence of what makes the tasks slow. */
export const celeryBacklog: CauseRule = {
  id: 'celery-backlog',
  title: 'Celery falls behind',
  explanation: {
    what: 'Tasks come faster than the workers finish them. Requests that wait for the result of a task become slow; the others only leave work behind. Mostly the tasks are slow for the same reason as the requests.',
    signs:
      'A queue with at least backlogMessages messages grows over the window, and workers take from it. Ruled out when no queue grows, and when nobody takes anything (then the workers are down).',
    act: [
      'Mend what makes the tasks slow: a lock, a slow statement, a call to somebody else.',
      'When the workers are merely too few, and PostgreSQL has room: start more of them.',
    ],
    avoid: [
      'More workers while tasks wait for locks or for the database.',
      'celery purge: the tasks are lost.',
    ],
    prevent: [
      'An alert on the length of the queues, and on the age of the oldest message.',
      'Queues of their own for what is urgent and for what takes long.',
    ],
  },
  needs: ['celery'],
  explainedBy: [
    ...['celery-down', 'celery-contention', 'lock-idle-in-tx', 'lock-active-writer', 'lock-queue-ddl'],
    ...['prepared-tx-orphan', 'long-running-query', 'missing-index', 'n-plus-one', 'plan-regression'],
    ...['stale-stats-bloat', 'sort-spill', 'connection-exhaustion', 'pool-starvation', 'pgbouncer-paused'],
    ...['io-saturation', 'checkpoint-storm', 'replication-backup-load', 'wraparound-vacuum'],
    ...['cpu-saturation-api', 'cpu-saturation-db', 'cpu-steal', 'memory-swap-oom', 'disk-full'],
    ...['redis-slow-command', 'redis-memory-eviction', 'redis-fork-aof-stall', 'redis-unreachable'],
    ...['downstream-api-slow', 'traffic-spike', 'network'],
  ],

  judge(the) {
    const report = the.facts.reports.celery;
    if (!report) return couldNotLook('the queues of Celery were not looked at');
    const { backlogMessages } = the.facts.service.thresholds;
    const evidence = report.queues.map(queueEvidence);
    const long = report.queues
      .filter((queue) => queue.length >= backlogMessages)
      .sort((a, b) => b.length - a.length || a.queue.localeCompare(b.queue));
    const worst = long.find(({ growing }) => growing);
    const total = `${count(report.totalLength, 'message waits', 'messages wait')} for Celery`;
    if (!worst) {
      if (long.some(({ growing }) => growing === null)) {
        return couldNotLook(`${total}, but whether they become more could not be seen`);
      }
      const unseen = report.notSeen.find(({ what }) => what.startsWith('length of the queue'));
      return unseen
        ? couldNotLook(`${unseen.what}: ${unseen.reason}`)
        : ruledOut(long.length > 0 ? `${total}, and they do not become more` : total, evidence);
    }
    if (report.consumers?.seen === 0) {
      return ruledOut(`${total}, and nobody takes them: the workers are down`, evidence);
    }
    const words = `the queue ${worst.queue} holds ${count(worst.length, 'message', 'messages')} and grows by ${decimal(worst.growthPerSecond)} a second`;
    if (nobodySuffers(the)) return ruledOut(`${words}, but the API does not suffer`, evidence);
    return {
      status: 'found',
      // Requests in flight do not wait there: the ledger has no place for it.
      share: null,
      confidence: confidence(report.consumers !== null && apiComplains(the)),
      summary: `Celery falls behind: ${words}.`,
      evidence: [...evidence, ...taskEvidence(report), ...workerEvidence(report)],
      against: [{ text: 'a queue alone makes no request slow, unless it waits for the result', data: {} }],
      mitigations: [],
      advice: adviceFor(worst),
    };
  },
};

function queueEvidence({ queue, lengthAtBegin, length, growthPerSecond, samples }: Queue): Evidence {
  return {
    text: `queue ${queue}: ${lengthAtBegin} messages at the begin of the window, ${length} at its end`,
    data: { queue, lengthAtBegin, length, growthPerSecond, samples },
  };
}

function taskEvidence({ waiting }: CeleryReport): Evidence[] {
  return waiting
    .filter(({ tasks }) => tasks.length > 0)
    .map(({ queue, tasks, sampled }) => ({
      text: `next in ${queue}: ${tasks
        .slice(0, 3)
        .map(({ task, count: n }) => `${task} ${n}`)
        .join(', ')} of ${sampled}`,
      data: { queue, tasks, sampled },
    }));
}

function workerEvidence({ consumers, unacked }: CeleryReport): Evidence[] {
  return [
    ...(consumers
      ? [
          {
            text: `${count(consumers.seen, 'connection takes', 'connections take')} messages, ${consumers.blocked} of them idle`,
            data: { ...consumers },
          },
        ]
      : []),
    ...(unacked && unacked.count > 0
      ? [
          {
            text: `${count(unacked.count, 'task is', 'tasks are')} taken and not finished`,
            data: { ...unacked },
          },
        ]
      : []),
  ];
}

function adviceFor({ queue }: Queue): string[] {
  return [
    'See what the tasks do: celery -A <app> inspect active --json --timeout 3',
    `When PostgreSQL and the machine have room: another worker for it, celery -A <app> worker -Q ${queue} --concurrency 2`,
    'Slow down whoever sends them, when they are not urgent.',
  ];
}
