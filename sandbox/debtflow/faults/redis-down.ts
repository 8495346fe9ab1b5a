import { Redis } from 'ioredis';
import type { Fault, FaultTargets } from './fault.ts';

/** Redis accepts connections and answers nobody, as one does whose machine swaps or whose disk hangs: it is stopped. */
export function redisDown(targets: FaultTargets): Fault {
  let stopped: number | null = null;

  return {
    name: 'redis-down',
    group: 'Redis',
    title: 'Redis does not answer',
    description:
      'Its process hangs: whoever asks for the cache, an idempotency key or the circuit breaker waits for two seconds each, and payments fail.',
    needs: ['redis'],
    truth: {
      cause: 'redis-unreachable',
      alsoAcceptable: [],
      // That it got no answer.
      evidence: ['redis'],
      notFirst: [
        'redis-slow-command',
        'downstream-api-slow',
        'gunicorn-starvation',
        'network',
        'celery-down',
      ],
      mitigation: null,
      harmful: ['add-workers', 'cancel-query', 'terminate-backend', 'create-index'],
      recovers: 'by-hand',
    },
    isOn: () => stopped !== null,

    async on() {
      const pid = await serverPid(targets.redis?.url ?? '');
      process.kill(pid, 'SIGSTOP');
      stopped = pid;
    },

    async off() {
      if (stopped !== null) resume(stopped);
      stopped = null;
    },
  };
}

/** The server's own: the process that we started only guards it, and has to go on doing so. */
async function serverPid(url: string): Promise<number> {
  const redis = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null });
  redis.on('error', () => undefined); // connect() and info() reject with it
  try {
    await redis.connect();
    const pid = Number(/^process_id:(\d+)/m.exec(await redis.info('server'))?.[1]);
    if (!(pid > 1)) throw new Error('Redis does not say which process it is');
    return pid;
  } finally {
    redis.disconnect();
  }
}

function resume(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // it was ended meanwhile
  }
}
