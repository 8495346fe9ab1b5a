import type pg from 'pg';
import { HOT_ACCOUNTS } from '../ids.ts';
import type { Fault, FaultTargets } from './fault.ts';
import { cancelStatement, openSession } from './session.ts';

const BOOKING = `UPDATE "accounts_account" SET "updated_at" = now() WHERE "accounts_account"."id" IN (${HOT_ACCOUNTS.map((id) => `'${id}'::uuid`).join(', ')})`;

/** Minutes of one core: the names of a fortieth of the debtors are looked for in every note. */
const AUDIT =
  'SELECT COUNT(*) FROM "accounts_activity" INNER JOIN "accounts_debtor" ' +
  `ON ("accounts_activity"."note" LIKE '%' || "accounts_debtor"."full_name" || '%') ` +
  `WHERE "accounts_debtor"."external_ref" < 'D-00002000'`;

/**
 * The month-end script books on the accounts that everybody works on, and audits all notes before it commits: it is
 * busy all the time, with the row locks in its hands. Cancelling its statement rolls the transaction back.
 */
export function hotRowContention(targets: FaultTargets): Fault {
  let session: { client: pg.Client; over: Promise<void> } | null = null;

  return {
    name: 'hot-row-contention',
    group: 'Locks',
    title: 'A busy script holds locks on accounts',
    description: `The month-end script updates ${HOT_ACCOUNTS.length} busy accounts and computes for minutes before it commits: writes on them wait until they time out.`,
    truth: {
      cause: 'lock-active-writer',
      alsoAcceptable: ['long-running-query'],
      evidence: ['lock-tree'],
      notFirst: [
        'gunicorn-starvation',
        'connection-exhaustion',
        'pool-starvation',
        'cpu-saturation-db',
        'celery-contention',
      ],
      mitigation: 'cancel-query',
      harmful: ['add-workers', 'create-index'],
      recovers: 'by-mitigation',
    },
    isOn: () => session !== null,

    async on() {
      const client = await openSession(targets.database.adminUrl, 'debtflow-admin: month_end');
      try {
        await client.query('BEGIN');
        await client.query(BOOKING);
      } catch (error) {
        await client.end();
        throw error;
      }
      // However the audit ends, the script ends with it; what it did not commit is rolled back.
      const over = client.query(AUDIT).then(
        () => client.end(),
        () => client.end(),
      );
      session = { client, over };
      void over.finally(() => {
        if (session?.client === client) session = null;
      });
    },

    async off() {
      if (!session) return;
      const { client, over } = session;
      await cancelStatement(client);
      await over;
    },
  };
}
