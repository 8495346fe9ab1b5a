import pg from 'pg';
import { HOT_ACCOUNTS } from '../ids.ts';
import type { Fault, FaultTargets } from './fault.ts';

/**
 * A real session of `debtflow_celery` updates the accounts that everybody works on and then sits idle in its
 * transaction, as a task does that calls a payment processor before it commits. Every write to those accounts
 * queues behind it until the API's statement_timeout, and takes a worker with it.
 */
export function idleInTransaction(targets: FaultTargets): Fault {
  let session: pg.Client | null = null;

  return {
    name: 'idle-in-transaction',
    title: 'A session idle in transaction holds locks on accounts',
    description: `The Celery task reconcile_payments updates ${HOT_ACCOUNTS.length} busy accounts and never commits: account updates and payments on them wait until they time out.`,
    isOn: () => session !== null,

    async on() {
      const client = new pg.Client({
        connectionString: targets.database.celeryUrl,
        application_name: 'celery: reconcile_payments',
      });
      const lost = () => {
        if (session === client) session = null;
      };
      client.on('error', lost);
      client.on('end', lost);
      await client.connect();
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
