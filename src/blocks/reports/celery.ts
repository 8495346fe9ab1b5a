import { count, decimal } from '../../diagnosis/words.ts';
import type { CeleryReport } from '../../probes/celery.ts';
import { bullets, type MessageBlock, rich, span, table } from '../kit.ts';
import { milliseconds } from '../text.ts';
import { notSeenBlocks } from './report-words.ts';

const MAX_QUEUES = 8;
const MAX_TASKS = 5;
const MAX_SESSIONS = 5;

/** How much work waits for Celery, who takes it, and what Celery does in PostgreSQL meanwhile. */
export function celeryBlocks(report: CeleryReport): MessageBlock[] {
  const { consumers, unacked } = report;
  const takers =
    consumers === null
      ? 'Whether workers take them was not seen.'
      : `${count(consumers.seen, 'worker connection takes', 'worker connections take')} messages, ${consumers.blocked} of them idle.`;
  const held =
    unacked === null
      ? ''
      : ` ${count(unacked.count, 'task is', 'tasks are')} taken and not finished${unacked.oldestAgeMs === null ? '' : `, the oldest for ${milliseconds(unacked.oldestAgeMs)}`}.`;
  return [
    rich(
      span(`${count(report.totalLength, 'message waits', 'messages wait')} for Celery.`, { bold: true }),
      span(` ${takers}${held}`),
    ),
    ...queueTable(report),
    ...tasks(report),
    ...sessions(report),
    ...notSeenBlocks(report.notSeen),
  ];
}

function queueTable({ queues, waiting }: CeleryReport): MessageBlock[] {
  const longest = [...queues].sort((a, b) => b.length - a.length);
  const oldest = (queue: string) => waiting.find((one) => one.queue === queue)?.oldestAgeMs ?? null;
  return table(
    'Queues of Celery',
    ['queue', 'messages', 'growth/s', 'growing', 'oldest'],
    longest.slice(0, MAX_QUEUES).map((one) => {
      const age = oldest(one.queue);
      return [
        one.queue,
        one.length,
        { value: one.growthPerSecond, text: decimal(one.growthPerSecond) },
        one.growing === null ? null : one.growing ? 'yes' : 'no',
        age === null ? null : { value: age, text: milliseconds(age) },
      ];
    }),
    Math.max(0, longest.length - MAX_QUEUES),
  );
}

function tasks({ waiting }: CeleryReport): MessageBlock[] {
  const lines = waiting.slice(0, MAX_QUEUES).map((one) => {
    const names = one.tasks.slice(0, MAX_TASKS).map(({ task, count }) => `${task} ${count}`);
    const more = one.tasks.length - names.length + one.tasksLeftOut;
    const stuck = one.moved === false ? '; nobody took the first one' : '';
    return `${one.queue}: ${names.join(', ')}${more > 0 ? ` and ${more} more` : ''} of ${one.sampled} read${stuck}`;
  });
  return lines.length > 0 ? [bullets(lines, 'Tasks that wait, the oldest of each queue', 300)] : [];
}

function sessions({ sessions: all }: CeleryReport): MessageBlock[] {
  if (!all || all.length === 0) return [];
  const lines = all.slice(0, MAX_SESSIONS).map((one) => {
    const states = [
      `${one.active} active`,
      `${one.idleInTransaction} idle in transaction`,
      `${one.lockWaiting} waiting for a lock`,
      `${one.blocking} blocking others`,
    ];
    const oldest = one.oldestXactMs === null ? '' : `, oldest transaction ${milliseconds(one.oldestXactMs)}`;
    const name = one.application || `role ${one.role}`;
    return `${name}: ${count(one.sessions, 'session', 'sessions')}, ${states.join(', ')}${oldest}`;
  });
  const more = all.length > MAX_SESSIONS ? [`and ${all.length - MAX_SESSIONS} more`] : [];
  return [bullets([...lines, ...more], 'In PostgreSQL, beside the API', 250)];
}
