import type pg from 'pg';
import { HOT_ACCOUNTS } from '../ids.ts';
import type { Fault, FaultTargets } from './fault.ts';
import { openSession } from './session.ts';

/**
 * A real session of `debtflow_celery` updates the accounts that everybody works on and then sits idle in its
 * transaction, as a task does that calls a payment processor before it commits. Every write to those accounts
 * queues behind it until the API's statement_timeout, and takes a worker with it.
 */
export function idleInTransaction(targets: FaultTargets): Fault {
  let session: pg.Client | null = null;

  return {
    name: 'idle-in-transaction',
    group: 'Locks',
    title: 'A session idle in transaction holds locks on accounts',
    description: `The Celery task reconcile_payments updates ${HOT_ACCOUNTS.length} busy accounts and never commits: account updates and payments on them wait until they time out.`,
    truth: {
      cause: 'lock-idle-in-tx',
      alsoAcceptable: [],
      evidence: ['lock-tree'],
      notFirst: [
        'gunicorn-starvation',
        'connection-exhaustion',
        'pool-starvation',
        'long-running-query',
        'celery-contention',
      ],
      mitigation: 'terminate-backend',
      harmful: ['add-workers', 'cancel-query', 'create-index'],
      recovers: 'by-mitigation',
    },
    isOn: () => session !== null,

    async on() {
      const client = await openSession(targets.database.celeryUrl, 'celery: reconcile_payments', (lost) => {
        if (session === lost) session = null;
      });
      const ids = HOT_ACCOUNTS.map((id) => `${client.escapeLiteral(id)}::uuid`).join(', ');
      try {
        await client.query('BEGIN');
        await client.query(
          `UPDATE "accounts_account" SET "updated_at" = now() WHERE "accounts_account"."id" IN (${ids})`,
        );
      } catch (error) {
        await client.end();
        throw error;
      }
      session = client;
    },

    async off() {
      const client = session;
      session = null;
      await client?.end(); // the server rolls the transaction back
    },
  };
}
