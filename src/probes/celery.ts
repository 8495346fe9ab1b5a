import { z } from 'zod';
import { BotError } from '../errors.ts';
import { timeLimit } from '../targets/time-limit.ts';
import { askRedis, type Looking } from './ask-redis.ts';
import { type NextMessages, nextMessages, WaitingTasks, waitingTasks } from './celery-messages.ts';
import { QueueLength, watchQueues } from './celery-queues.ts';
import { CelerySessions, celerySessions } from './celery-sessions.ts';
import { NotSeen } from './not-seen.ts';
import type { Probe } from './probe.ts';
import { MAX_LISTED_CLIENTS, parseClients } from './redis-clients.ts';
import { parseInfo } from './redis-info.ts';

/** What is asked after the window has this long, and is not seen otherwise. */
const END_LIMIT_MS = 1_200;

const Unacked = z.object({
  /** Taken by a worker and not finished, prefetched ones and those with an eta included. */
  count: z.int(),
  /** By the clock of the worker that took it; null without one, or when it may not be read. */
  oldestAgeMs: z.number().nullable(),
});

const Consumers = z.object({
  /** Connections that wait for a message now: workers with nothing to do. */
  blocked: z.int(),
  /** Connections of this database whose last command was BRPOP: workers that take messages. */
  seen: z.int(),
});

const Report = z.object({
  windowMs: z.number(),
  /** Messages that wait, all queues together, at the end. */
  totalLength: z.int(),
  queues: z.array(QueueLength),
  waiting: z.array(WaitingTasks),
  unacked: Unacked.nullable(),
  consumers: Consumers.nullable(),
  sessions: z.array(CelerySessions).nullable(),
  notSeen: z.array(NotSeen),
});

export type CeleryReport = z.infer<typeof Report>;

/** How much work waits for Celery, whether anybody takes it, and what Celery does in PostgreSQL meanwhile. */
export const celery: Probe<CeleryReport> = {
  id: 'celery',
  title: 'Celery queues',
  runbookStep: 8,
  needs: ['redis'],
  cost: 'LLEN of each queue twice a second, headers of at most 50 messages a queue, CLIENT LIST twice up to 2,000 clients, one read of pg_stat_activity',
  requires: ['redis:reachable', 'redis:queues'],
  improvedBy: ['redis:messages', 'redis:clients', 'postgres:reachable'],
  report: Report,

  async run({ targets, service, windowMs, signal }) {
    const config = service.targets.redis;
    if (!targets.redis || !config) throw new BotError('not-configured', 'no Redis is configured');
    const looking: Looking = { redis: targets.redis, signal, notSeen: [] };
    const began = performance.now();
    const database = new URL(config.url).pathname.slice(1) || '0';
    let before: Promise<NextMessages> = Promise.resolve(new Map());
    let consumersBefore: Promise<z.infer<typeof Consumers> | null> = Promise.resolve(null);
    const roles = service.targets.postgres?.applicationRoles ?? [];
    const sessions = celerySessions(targets.postgres, roles, signal, looking.notSeen);
    const watched = await watchQueues(looking, config.queues, windowMs, (keys) => {
      // What fails here fails at the end too, and is told there.
      const early = { ...looking, signal: timeLimit(signal, windowMs), notSeen: [] };
      before = nextMessages(early, keys);
      consumersBefore = consumersOf(early, database);
      // Awaited after the window; should the window itself fail, its error is the one to tell.
      for (const one of [before, consumersBefore, sessions]) one.catch(() => undefined);
    });
    const atEnd = { ...looking, signal: timeLimit(signal, END_LIMIT_MS) };
    const [waiting, unacked, consumers] = await Promise.all([
      waitingTasks(atEnd, watched.longestKeys, await before),
      unackedOf(atEnd),
      consumersOf(atEnd, database),
    ]);
    noteMissingTimes(waiting, looking.notSeen);
    return {
      windowMs: performance.now() - began,
      totalLength: watched.queues.reduce((sum, { length }) => sum + length, 0),
      queues: watched.queues,
      waiting,
      unacked,
      consumers: busier(await consumersBefore, consumers),
      sessions: await sessions,
      notSeen: looking.notSeen,
    };
  },
};

/** kombu keeps what was taken in a hash, and the time at which it was taken in a sorted set. */
async function unackedOf(looking: Looking): Promise<z.infer<typeof Unacked> | null> {
  const what = 'unacknowledged tasks';
  const count = await askRedis(looking, what, ['HLEN', 'unacked'], (answer) => z.int().parse(answer));
  if (count === null) return null;
  if (count === 0) return { count, oldestAgeMs: null };
  const oldest = ['ZRANGE', 'unacked_index', '0', '0', 'WITHSCORES'] as const;
  const takenAt = await askRedis(looking, 'age of the oldest unacknowledged task', oldest, (answer) =>
    z.coerce.number().optional().parse(z.array(z.string()).parse(answer)[1]),
  );
  return { count, oldestAgeMs: takenAt == null ? null : Math.max(0, Date.now() - takenAt * 1_000) };
}

async function consumersOf(looking: Looking, database: string): Promise<z.infer<typeof Consumers> | null> {
  const what = 'consumers';
  const connected = await askRedis(looking, what, ['INFO', 'clients'], (answer) =>
    parseInfo(z.string().parse(answer), performance.now()).number('connected_clients'),
  );
  if (connected === null) return null;
  if (connected > MAX_LISTED_CLIENTS) {
    const reason = `${connected} clients are too many: listing them would block Redis`;
    looking.notSeen.push({ what, reason, remedy: null });
    return null;
  }
  return askRedis(looking, what, ['CLIENT', 'LIST', 'TYPE', 'normal'], (answer) => {
    const takers = parseClients(answer).filter(
      (client) => client.command === 'brpop' && client.database === database,
    );
    return { seen: takers.length, blocked: takers.filter(({ isBlocked }) => isBlocked).length };
  });
}

/** A worker between two BRPOPs is missing from one of two looks, hardly from both. */
function busier(
  a: z.infer<typeof Consumers> | null,
  b: z.infer<typeof Consumers> | null,
): z.infer<typeof Consumers> | null {
  if (!a || !b) return a ?? b;
  return { seen: Math.max(a.seen, b.seen), blocked: Math.max(a.blocked, b.blocked) };
}

function noteMissingTimes(waiting: WaitingTasks[], notSeen: NotSeen[]): void {
  const silent = waiting.filter(({ oldestAgeMs }) => oldestAgeMs === null).map(({ queue }) => queue);
  if (silent.length === 0) return;
  notSeen.push({
    what: `age of the oldest message in ${silent.join(', ')}`,
    reason: 'messages of Celery carry no time stamp of their own',
    remedy: 'in a before_task_publish handler: headers["sent_at"] = time.time()',
  });
}
