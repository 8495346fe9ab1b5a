import { z } from 'zod';
import { askRedis, type Looking } from './ask-redis.ts';
import { messageId, readHead } from './celery-message.ts';

const MAX_MESSAGES = 50;
/** At most so much is read of one queue: messages may be of any size. */
const MAX_BYTES = 1_000_000;
const MAX_TASKS = 10;

/** What waits at the end of a queue that is served next. */
export const WaitingTasks = z.object({
  queue: z.string(),
  /** Messages whose headers were read, the oldest ones of the longest list of the queue. */
  sampled: z.int(),
  tasks: z.array(z.object({ task: z.string(), count: z.int() })),
  tasksLeftOut: z.int(),
  /** Of the sampled ones, those that are not at their first attempt. */
  retried: z.int(),
  /** Of the message that is served next; null when it carries no time stamp. */
  oldestAgeMs: z.number().nullable(),
  /** Whether the message that is served next is another one than at the beginning of the window. */
  moved: z.boolean().nullable(),
});
export type WaitingTasks = z.infer<typeof WaitingTasks>;

/** The message that is served next, by queue. */
export type NextMessages = Map<string, string>;

/** How many messages of the list may be read; 0 when even one may be too large, or its size cannot be told. */
async function affordable(looking: Looking, queue: string, key: string): Promise<number> {
  const what = `waiting tasks of ${queue}`;
  const bytes = await askRedis(looking, what, ['MEMORY', 'USAGE', key, 'SAMPLES', '5'], (answer) =>
    z.int().nullable().parse(answer),
  );
  const length = await askRedis(looking, what, ['LLEN', key], (answer) => z.int().parse(answer));
  if (bytes === null || length === null || length === 0) return 0;
  const messages = Math.min(MAX_MESSAGES, Math.floor(MAX_BYTES / (bytes / length)));
  if (messages === 0) {
    looking.notSeen.push({ what, reason: 'the messages are too large to be read', remedy: null });
  }
  return messages;
}

/** Remembers which message each queue serves next. */
export async function nextMessages(looking: Looking, keys: Map<string, string>): Promise<NextMessages> {
  const next: NextMessages = new Map();
  await Promise.all(
    [...keys].map(async ([queue, key]) => {
      if ((await affordable(looking, queue, key)) === 0) return;
      const [text] = (await tail(looking, queue, key, 1)) ?? [];
      if (text !== undefined) next.set(queue, messageId(text));
    }),
  );
  return next;
}

/** Reads the headers of the oldest messages; bodies are dropped at once. */
export async function waitingTasks(
  looking: Looking,
  keys: Map<string, string>,
  before: NextMessages,
): Promise<WaitingTasks[]> {
  const read = async ([queue, key]: [string, string]): Promise<WaitingTasks[]> => {
    const messages = await affordable(looking, queue, key);
    const texts = messages === 0 ? null : await tail(looking, queue, key, messages);
    return texts && texts.length > 0 ? [summarize(queue, texts, before.get(queue))] : [];
  };
  return (await Promise.all([...keys].map(read))).flat();
}

/** The messages that are served next, the next one last: kombu pushes left and pops right. */
function tail(looking: Looking, queue: string, key: string, messages: number): Promise<string[] | null> {
  return askRedis(looking, `waiting tasks of ${queue}`, ['LRANGE', key, String(-messages), '-1'], (answer) =>
    z.array(z.string()).parse(answer),
  );
}

function summarize(queue: string, texts: string[], before: string | undefined): WaitingTasks {
  const heads = texts.map(readHead);
  const counts = new Map<string, number>();
  for (const head of heads) {
    const task = head?.task ?? 'other';
    counts.set(task, (counts.get(task) ?? 0) + 1);
  }
  const tasks = [...counts].map(([task, count]) => ({ task, count })).sort((a, b) => b.count - a.count);
  const sentAtMs = heads.at(-1)?.sentAtMs ?? null;
  const next = texts.at(-1);
  return {
    queue,
    sampled: texts.length,
    tasks: tasks.slice(0, MAX_TASKS),
    tasksLeftOut: Math.max(0, tasks.length - MAX_TASKS),
    retried: heads.filter((head) => (head?.retries ?? 0) > 0).length,
    oldestAgeMs: sentAtMs === null ? null : Math.max(0, Date.now() - sentAtMs),
    moved: before === undefined || next === undefined ? null : messageId(next) !== before,
  };
}
