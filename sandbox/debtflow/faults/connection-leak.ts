import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Fault, FaultTargets } from './fault.ts';

const RETRY_MS = 100;
const FIRST_ROUND_DEADLINE_MS = 5_000;

/**
 * One client of `debtflow_celery` opens sessions and forgets them until the server refuses (53300), and takes every
 * slot that becomes free. The API loses its connections as they reach CONN_MAX_AGE. Once somebody terminates one of
 * the sessions the client stops leaking; what it still holds stays until it is closed.
 */
export function connectionLeak(targets: FaultTargets): Fault {
  const sessions = new Set<pg.Client>();
  let leaking: Promise<void> | null = null;
  let stopped = true;

  async function openOne(): Promise<void> {
    const client = new pg.Client({ connectionString: targets.database.celeryUrl });
    const lost = () => {
      // Ours are closed after they left the set: whatever is still in it was ended by somebody else.
      if (sessions.delete(client)) stopped = true;
    };
    client.on('error', lost);
    client.on('end', lost);
    await client.connect();
    if (stopped) {
      await client.end(); // the leak ended while this one was being opened
      return;
    }
    sessions.add(client);
    await client.query(
      'SELECT "payments_processor"."id", "payments_processor"."name" FROM "payments_processor"',
    );
  }

  /** Opens until there is no slot left, then keeps asking for the ones that become free. */
  async function leak(full: () => void): Promise<void> {
    while (!stopped) {
      try {
        await openOne();
      } catch (error) {
        if (!stopped && !isFull(error)) {
          stopped = true;
          throw error;
        }
        full();
        await sleep(RETRY_MS);
      }
    }
  }

  return {
    name: 'connection-leak',
    group: 'Connections',
    title: 'A service leaks connections until none is left',
    description:
      'A Celery worker opens connections and forgets them until PostgreSQL has no slot left: the API is refused as soon as it has to reconnect.',
    truth: {
      cause: 'connection-exhaustion',
      alsoAcceptable: [],
      evidence: ['connection-pool'],
      notFirst: ['pool-starvation', 'gunicorn-starvation', 'pgbouncer-paused'],
      // Ending one of its sessions frees one slot: the client has to be restarted.
      mitigation: null,
      harmful: ['add-workers', 'create-index'],
      recovers: 'by-hand',
    },
    isOn: () => sessions.size > 0,

    async on() {
      stopped = false;
      await new Promise<void>((full, fail) => {
        const deadline = setTimeout(full, FIRST_ROUND_DEADLINE_MS);
        leaking = leak(full)
          .catch(fail)
          .finally(() => clearTimeout(deadline));
      });
    },

    async off() {
      stopped = true;
      await leaking;
      const open = [...sessions];
      sessions.clear();
      await Promise.all(open.map((client) => client.end()));
    },
  };
}

function isFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '53300';
}
