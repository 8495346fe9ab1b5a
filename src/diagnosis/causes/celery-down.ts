import type { CeleryReport } from '../../probes/celery.ts';
import { type CauseRule, confidence, couldNotLook, nobodySuffers, ruledOut } from '../cause-rule.ts';
import type { Evidence } from '../diagnosis.ts';
import { count, decimal } from '../words.ts';

/** Messages wait for Celery, and no worker is there to take them. */
export const celeryDown: CauseRule = {
  id: 'celery-down',
  title: 'Celery workers are down',
  explanation: {
    what: 'No worker of Celery is connected to the broker. What the API hands over stays in the queue, and whoever waits for a result waits in vain.',
    signs:
      'Messages become more, or the next one does not move, and no connection of the broker waits with BRPOP. Ruled out when workers are connected, or when no message waits.',
    act: [
      'Look why the workers ended: their log, the journal of their unit, the OOM killer.',
      'Start them again; what waits is worked off then.',
    ],
    avoid: [
      'celery purge or FLUSHALL: the tasks are lost.',
      'Starting many workers at once on a long queue: they come down on PostgreSQL together.',
    ],
    prevent: [
      'Restart=on-failure for the unit of the workers, and an alert when none answers inspect ping.',
      'worker_max_memory_per_child, so that the OOM killer does not have to.',
      'broker_connection_retry_on_startup = True.',
    ],
  },
  needs: ['celery'],
  explainedBy: ['redis-unreachable', 'redis-slow-command', 'memory-swap-oom', 'disk-full'],

  judge(the) {
    const report = the.facts.reports.celery;
    if (!report) return couldNotLook('the queues of Celery were not looked at');
    const growing = report.queues.filter((queue) => queue.growing);
    const stuck = report.waiting.filter(({ moved }) => moved === false);
    const total = `${count(report.totalLength, 'message waits', 'messages wait')} for Celery`;
    const evidence = evidenceOf(report);
    if (report.consumers === null) return unseenWorkers(report, total, evidence);
    const { seen } = report.consumers;
    if (seen > 0) return ruledOut(`${count(seen, 'worker takes', 'workers take')} messages`, evidence);
    const unmoved = growing.length > 0 || stuck.length > 0;
    if (report.totalLength === 0 || !unmoved || report.waiting.some(({ moved }) => moved === true)) {
      return ruledOut(`${total}, and somebody takes them`, evidence);
    }
    const words = `no worker of Celery is connected to the broker, and ${count(report.totalLength, 'message waits', 'messages wait')}`;
    if (nobodySuffers(the)) return ruledOut(`${words}, but the API does not suffer`, evidence);
    const growth = growing.reduce((sum, queue) => sum + queue.growthPerSecond, 0);
    return {
      status: 'found',
      // Requests in flight do not wait there: the ledger has no place for it.
      share: null,
      confidence: confidence(growing.length > 0 && stuck.length > 0),
      summary: `Celery is down: ${words}${growth > 0 ? `, ${decimal(growth)} more a second` : ''}.`,
      evidence,
      against: [{ text: 'a queue alone makes no request slow, unless it waits for the result', data: {} }],
      mitigations: [],
      advice: [
        'Is one alive? celery -A <app> inspect ping --timeout 3',
        "Why did they end? journalctl -u 'celery*' --since -1h; dmesg | grep -i 'out of memory'",
        'Start them again (systemctl restart celery), and watch PostgreSQL while they work off the queue.',
      ],
    };
  },
};

function unseenWorkers(report: CeleryReport, total: string, evidence: Evidence[]) {
  if (report.totalLength === 0) return ruledOut(total, evidence);
  if (report.waiting.some(({ moved }) => moved === true)) {
    return ruledOut(`${total}, and somebody takes them`, evidence);
  }
  const reason = report.notSeen.find(({ what }) => what === 'consumers')?.reason;
  return couldNotLook(`${total}; whether a worker is connected could not be seen: ${reason ?? 'no answer'}`);
}

function evidenceOf({ queues, consumers, waiting, unacked }: CeleryReport): Evidence[] {
  const stuck = waiting.filter(({ moved }) => moved === false).map(({ queue }) => queue);
  return [
    {
      text: queues.map(({ queue, length }) => `queue ${queue}: ${length} messages`).join(', '),
      data: { queues },
    },
    ...(consumers
      ? [
          {
            text: `${count(consumers.seen, 'connection takes', 'connections take')} messages from the broker`,
            data: { ...consumers },
          },
        ]
      : []),
    ...(stuck.length > 0
      ? [{ text: `the next message did not move in the window: ${stuck.join(', ')}`, data: { stuck } }]
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
