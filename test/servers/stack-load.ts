import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';

/** Users of the small DebtFlow, and the one worker that takes its Celery messages. */
export interface StackLoad {
  answered(): number;
  stop(): Promise<void>;
}

const USERS = 4;
const PAUSE_MS = 80;
const ACCOUNTS = 5_000;

/** About 40 requests a second, each user one after the other. */
export function startLoad(apiUrl: string, redisUrl: string): StackLoad {
  const stopping = new AbortController();
  const consumer = new Redis(redisUrl);
  let answered = 0;

  async function ask(): Promise<void> {
    const kind = Math.random();
    const path =
      kind < 0.4
        ? '/accounts'
        : kind < 0.8
          ? `/accounts/${Math.floor(Math.random() * ACCOUNTS)}`
          : '/payments';
    const init = { method: path === '/payments' ? 'POST' : 'GET', headers: { connection: 'close' } };
    const response = await fetch(`${apiUrl}${path}`, { ...init, signal: stopping.signal });
    await response.text();
    if (response.ok) answered += 1;
  }

  async function user(): Promise<void> {
    while (!stopping.signal.aborted) {
      await ask().catch(() => undefined); // a stopped server is what some tests are about; `answered` tells
      await sleep(PAUSE_MS, undefined, { signal: stopping.signal }).catch(() => undefined); // the end
    }
  }

  async function worker(): Promise<void> {
    while (!stopping.signal.aborted) await consumer.brpop('celery', 0).catch(() => undefined); // the end
  }

  const running = [...Array.from({ length: USERS }, user), worker()];
  return {
    answered: () => answered,
    async stop() {
      stopping.abort();
      consumer.disconnect();
      await Promise.all(running);
    },
  };
}
