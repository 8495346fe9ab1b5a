import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { HOT_ACCOUNTS } from '../ids.ts';
import type { Fault, FaultTargets } from './fault.ts';
import { openSession } from './session.ts';

const HOLDER = 'celery: reconcile_payments';
const WAITER = 'celery: process_payment';
const RETRY_MS = 100;
const FULL_DEADLINE_MS = 8_000;
const CHANGE = `UPDATE "accounts_account" SET "updated_at" = now() WHERE "accounts_account"."id" IN`;

/**
 * One session holds locks on the accounts that everybody works on and sits idle in its transaction. Each task that is
 * started meanwhile opens a connection of its own and waits for one of these locks, until PostgreSQL has no slot left:
 * the locks are the cause, the full server is what people notice. When the holder is ended, all of them get through.
 */
export function lockExhaustion(targets: FaultTargets): Fault {
  const waiting = new Set<Promise<void>>();
  let holder: pg.Client | null = null;
  let starting: Promise<void> | null = null;

  async function hold(): Promise<void> {
    const client = await openSession(targets.database.celeryUrl, HOLDER, (lost) => {
      if (holder === lost) holder = null;
    });
    try {
      await client.query('BEGIN');
      await client.query(`${CHANGE} (${HOT_ACCOUNTS.map((id) => `'${id}'::uuid`).join(', ')})`);
    } catch (error) {
      await client.end();
      throw error;
    }
    holder = client;
  }

  /** Waits for the lock of one account; ends however that comes out. */
  async function task(number: number): Promise<void> {
    const client = new pg.Client({ connectionString: targets.database.celeryUrl, application_name: WAITER });
    client.on('error', () => undefined); // its statement rejects with it
    await client.connect();
    const over = client.query(`${CHANGE} ('${HOT_ACCOUNTS[number % HOT_ACCOUNTS.length]}'::uuid)`).then(
      () => client.end(),
      () => client.end(),
    );
    waiting.add(over);
    void over.finally(() => waiting.delete(over));
  }

  /** Starts tasks until there is no slot left, and takes those that become free while the locks are held. */
  async function startTasks(full: () => void): Promise<void> {
    for (let number = 0; holder; ) {
      try {
        await task(number);
        number += 1;
      } catch (error) {
        if (!isFull(error)) throw error;
        full();
        await sleep(RETRY_MS);
      }
    }
  }

  return {
    name: 'lock-exhaustion',
    group: 'Locks',
    title: 'Sessions pile up behind a lock until none is left',
    description: `reconcile_payments holds locks on ${HOT_ACCOUNTS.length} busy accounts and never commits. Every task behind it opens a connection and waits, until PostgreSQL refuses new ones.`,
    truth: {
      cause: 'lock-idle-in-tx',
      alsoAcceptable: [],
      evidence: ['lock-tree'],
      notFirst: [
        ...['connection-exhaustion', 'pool-starvation', 'gunicorn-starvation', 'celery-contention'],
        ...['long-running-query', 'pgbouncer-paused'],
      ],
      mitigation: 'terminate-backend',
      harmful: ['add-workers', 'create-index'],
      recovers: 'by-mitigation',
    },
    isOn: () => holder !== null,

    async on() {
      await hold();
      await new Promise<void>((full, fail) => {
        const deadline = setTimeout(full, FULL_DEADLINE_MS);
        starting = startTasks(full)
          .catch(fail)
          .finally(() => clearTimeout(deadline));
      });
    },

    async off() {
      const client = holder;
      holder = null;
      await client?.end(); // the server rolls its transaction back, and the tasks get through
      await starting;
      await Promise.all(waiting);
    },
  };
}

const isFull = (error: unknown) => error instanceof Error && 'code' in error && error.code === '53300';
