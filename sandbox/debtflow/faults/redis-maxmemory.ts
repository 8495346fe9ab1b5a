import { Redis } from 'ioredis';
import type { Fault, FaultTargets } from './fault.ts';

const PREFIX = 'debtflow:1:export:';
const SIZES = [4 * 1024 * 1024, 64 * 1024, 1024];
const REFILL_EVERY_MS = 300;

/**
 * An export keeps its files in Redis until maxmemory is reached. It is a broker, so nothing is evicted: every write
 * is refused (OOM), that of a task for Celery among them, and payments fail.
 */
export function redisMaxmemory(targets: FaultTargets): Fault {
  let client: Redis | null = null;
  let refilling: NodeJS.Timeout | null = null;
  let last: Promise<void> = Promise.resolve();
  let files = 0;

  /** Big files first, then ever smaller ones, until Redis takes no more. */
  async function fill(redis: Redis): Promise<void> {
    for (const size of SIZES) {
      while (client === redis) {
        const taken = await redis.set(`${PREFIX}${files}`, 'x'.repeat(size)).then(
          () => true,
          (error: unknown) => {
            if (String(error).includes('OOM')) return false;
            throw error;
          },
        );
        if (!taken) break;
        files += 1;
      }
    }
  }

  async function stop(): Promise<void> {
    const redis = client;
    client = null;
    if (refilling) clearInterval(refilling);
    refilling = null;
    await last;
    if (!redis) return;
    for (; files > 0; files -= 1) await redis.unlink(`${PREFIX}${files - 1}`);
    redis.disconnect();
  }

  return {
    name: 'redis-maxmemory',
    group: 'Redis',
    title: 'Redis is full',
    description:
      'An export keeps its files in Redis until maxmemory is reached. It must not evict tasks, so it refuses every write: payments fail.',
    needs: ['redis'],
    truth: {
      cause: 'redis-memory-eviction',
      alsoAcceptable: [],
      evidence: ['redis'],
      notFirst: ['redis-unreachable', 'redis-slow-command', 'celery-down', 'gunicorn-starvation'],
      mitigation: null,
      harmful: ['add-workers', 'cancel-query', 'terminate-backend'],
      recovers: 'by-hand',
    },
    isOn: () => client !== null,

    async on() {
      if (!targets.redis) throw new Error('there is no Redis');
      const redis = new Redis(targets.redis.url, { connectionName: 'export', maxRetriesPerRequest: 0 });
      redis.on('error', () => undefined); // the command that waits rejects with it
      client = redis;
      try {
        await fill(redis);
      } catch (error) {
        await stop();
        throw error;
      }
      // What expires makes room, which the export takes.
      refilling = setInterval(() => {
        last = fill(redis).catch(() => undefined); // Redis is away: tried again
      }, REFILL_EVERY_MS);
    },

    off: stop,
  };
}
