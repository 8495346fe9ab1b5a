import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Fault, FaultTargets } from './fault.ts';

const KEYS = 250_000;
const PAUSE_MS = 250;
const WANTED_MS = 500;
const PREFIX = 'debtflow:1:warm:';

const FILL = `for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do redis.call('set', KEYS[1] .. i, '0') end`;
/** Walks over every key, and over as many values as it was told: one command, nobody else is served meanwhile. */
const WARM = `
local bytes = 0
for round = 1, tonumber(ARGV[2]) do
  for _, key in ipairs(redis.call('keys', ARGV[1])) do bytes = bytes + string.len(key) end
end
return bytes`;

/** A job that warms the cache asks for all keys, in a script, twice a second. Its connection killed, it gives up. */
export function redisSlowCommand(targets: FaultTargets): Fault {
  let client: Redis | null = null;
  let running: Promise<void> = Promise.resolve();

  async function connect(): Promise<Redis> {
    if (!targets.redis) throw new Error('there is no Redis');
    const redis = new Redis(targets.redis.url, {
      connectionName: 'cache-warmer',
      lazyConnect: true,
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
    });
    redis.on('error', () => undefined); // the command that waits rejects with it
    await redis.connect();
    return redis;
  }

  /** Until its connection is gone, or a script of its is killed. */
  async function warm(redis: Redis): Promise<void> {
    let rounds = 1;
    try {
      while (client === redis) {
        const startedAt = performance.now();
        await redis.eval(WARM, 0, 'debtflow:*', rounds);
        const each = (performance.now() - startedAt) / rounds;
        rounds = Math.max(1, Math.min(20, Math.round(WANTED_MS / each)));
        await sleep(PAUSE_MS);
      }
    } catch {
      // Killed from outside: the job is over.
    } finally {
      if (client === redis) client = null;
      redis.disconnect();
    }
  }

  return {
    name: 'redis-slow-command',
    group: 'Redis',
    title: 'A job asks Redis for all keys',
    description:
      'A cache warmer runs KEYS over a quarter of a million keys, in a script, again and again: Redis serves nobody else meanwhile.',
    needs: ['redis'],
    truth: {
      cause: 'redis-slow-command',
      alsoAcceptable: [],
      evidence: ['redis'],
      notFirst: [
        'gunicorn-starvation',
        'redis-unreachable',
        'downstream-api-slow',
        'network',
        'cpu-saturation-api',
      ],
      mitigation: null,
      harmful: ['add-workers', 'cancel-query', 'terminate-backend'],
      recovers: 'by-hand',
    },
    isOn: () => client !== null,

    async on() {
      const redis = await connect();
      const step = 10_000;
      for (let from = 1; from <= KEYS; from += step) await redis.eval(FILL, 1, PREFIX, from, from + step - 1);
      client = redis;
      running = warm(redis);
    },

    async off() {
      client = null;
      await running; // after the script that runs now: nothing else would stop it
      if (!targets.redis) return;
      const redis = await connect();
      try {
        let cursor = '0';
        do {
          const [next, keys] = await redis.scan(cursor, 'MATCH', `${PREFIX}*`, 'COUNT', 5_000);
          if (keys.length > 0) await redis.unlink(keys);
          cursor = next;
        } while (cursor !== '0');
      } finally {
        redis.disconnect();
      }
    },
  };
}
