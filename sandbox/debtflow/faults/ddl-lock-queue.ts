import type pg from 'pg';
import type { Fault, FaultTargets } from './fault.ts';
import { openSession } from './session.ts';

/** Wants the strongest lock and changes nothing: the column allows nulls already. */
const DDL = 'ALTER TABLE "accounts_account" ALTER COLUMN "assigned_to_id" DROP NOT NULL';

/**
 * Somebody of the back office has read one account and left the transaction open. A migration's ALTER TABLE waits
 * for that lock, and everything that touches accounts waits behind the ALTER TABLE. Cancelling the migration frees
 * everybody; ending the reader lets the migration through, which takes a millisecond.
 */
export function ddlLockQueue(targets: FaultTargets): Fault {
  let sessions: { reader: pg.Client; migration: pg.Client; over: Promise<void> } | null = null;

  return {
    name: 'ddl-lock-queue',
    group: 'Locks',
    title: 'A migration waits, and all accounts behind it',
    description:
      'ALTER TABLE waits for a reader that forgot its transaction: every query of the accounts queues behind the migration.',
    truth: {
      cause: 'lock-queue-ddl',
      alsoAcceptable: ['lock-idle-in-tx'],
      evidence: ['lock-tree'],
      notFirst: ['gunicorn-starvation', 'connection-exhaustion', 'pool-starvation', 'long-running-query'],
      mitigation: 'cancel-query',
      harmful: ['add-workers', 'create-index'],
      recovers: 'by-mitigation',
    },
    isOn: () => sessions !== null,

    async on() {
      const reader = await openSession(targets.database.adminUrl, 'debtflow-admin');
      try {
        await reader.query('BEGIN');
        await reader.query('SELECT "accounts_account"."id" FROM "accounts_account" LIMIT 1');
        const migration = await openSession(targets.database.migrateUrl, 'debtflow-migrate');
        // Cancelled, terminated or done at last: the deploy is over either way.
        const over = migration.query(DDL).then(
          () => migration.end(),
          () => migration.end(),
        );
        sessions = { reader, migration, over };
        void over.finally(() => {
          if (sessions?.migration === migration) sessions = null;
          void reader.end();
        });
      } catch (error) {
        await reader.end();
        throw error;
      }
    },

    async off() {
      const { reader, over } = sessions ?? {};
      await reader?.end(); // the migration gets its lock, and is done
      await over;
    },
  };
}
