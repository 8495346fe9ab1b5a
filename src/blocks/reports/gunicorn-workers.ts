import { count, decimal } from '../../diagnosis/words.ts';
import type { GunicornWorkersReport } from '../../probes/gunicorn-workers.ts';
import { context, type MessageBlock, rich, span, table } from '../kit.ts';
import { clip, escapeText, milliseconds, percent } from '../text.ts';

const MAX_ROWS = 8;
const MIB = 1_024 ** 2;

const DOING = {
  disk: 'stuck in the kernel (D)',
  cpu: 'on the CPU',
  waiting: 'waits inside a request',
  idle: 'idle',
  unknown: 'not told',
} as const;

/** Whether a worker of Gunicorn was free, and how many connections waited for one. */
export function gunicornWorkersBlocks(report: GunicornWorkersReport): MessageBlock[] {
  return [
    rich(span(busySentence(report), { bold: true }), span(` ${queueSentence(report)}`)),
    ...workerTable(report),
    context(aroundThem(report)),
    ...(report.notSeen.length > 0
      ? [
          context(
            `*Not seen:* ${report.notSeen
              .map(({ what, reason, remedy }) =>
                escapeText(clip(`${what}: ${reason}${remedy ? ` (${remedy})` : ''}`, 240)),
              )
              .join('; ')}`,
          ),
        ]
      : []),
  ];
}

function busySentence({ workerCount, busy, accepted }: GunicornWorkersReport): string {
  const workers = count(workerCount, 'worker', 'workers');
  if (busy) {
    const atMost = busy.certainty === 'at-most' ? 'at most ' : '';
    return `${atMost}${decimal(busy.average)} of ${workers} busy on average.`;
  }
  const connections = accepted ? `, ${decimal(accepted.average)} accepted connections on average` : '';
  return `${workers}${connections}; which of them are busy could not be told.`;
}

function queueSentence({ backlog }: GunicornWorkersReport): string {
  if (!backlog) return 'The listen queue could not be seen.';
  const limit = backlog.limit === null ? '' : ` of at most ${backlog.limit}`;
  if (backlog.max === 0) return 'No connection waited to be accepted.';
  return `${count(backlog.last, 'connection waits', 'connections wait')} to be accepted${limit} (${backlog.samples.join(', ')} over the window).`;
}

function workerTable({ workers, workersLeftOut }: GunicornWorkersReport): MessageBlock[] {
  const shown = workers.slice(0, MAX_ROWS);
  return table(
    'Workers',
    ['pid', 'doing', 'connection held', 'CPU', 'memory', 'age'],
    shown.map((worker) => [
      String(worker.pid),
      DOING[worker.doing],
      percent(worker.busyRatio),
      { value: worker.cpuCores, text: `${decimal(worker.cpuCores)} cores` },
      worker.rssBytes === null ? null : `${Math.round(worker.rssBytes / MIB)} MiB`,
      { value: worker.ageMs, text: milliseconds(worker.ageMs) },
    ]),
    workers.length - shown.length + workersLeftOut,
  );
}

function aroundThem(report: GunicornWorkersReport): string {
  const { master, startedLast10Min, restarted, headroom } = report;
  const room = headroom
    ? ` The machine has ${percent(headroom.idleRatio)} of ${headroom.cores} cores idle and ${Math.round(headroom.availableBytes / MIB)} MiB of memory available.`
    : '';
  const another = restarted ? ' The master was restarted in the window.' : '';
  return `Master pid ${master.pid}, up for ${milliseconds(master.ageMs)}; ${count(startedLast10Min, 'worker', 'workers')} started in the last 10 minutes.${another}${room}`;
}
