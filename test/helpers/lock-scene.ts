import { expect, vi } from 'vitest';
import type { TestDatabase, TestSession } from './test-database.ts';

/** Creates the table that the scenes below fight over. */
export async function createAccounts(database: TestDatabase): Promise<void> {
  const owner = await database.openSession('migrate');
  await owner.query('create table if not exists accounts_account (id int primary key, balance int not null)');
  await owner.query(
    'insert into accounts_account select i, 0 from generate_series(1, 20) i on conflict do nothing',
  );
  await owner.end();
}

/** Waits until this many sessions of the database wait for a lock. */
export async function waitForLockWaiters(database: TestDatabase, waiters: number): Promise<void> {
  await vi.waitFor(async () => {
    const { rowCount } = await database.query(
      "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()",
    );
    expect(rowCount).toBe(waiters);
  }, 5_000);
}

/** A session that changed a row and then does nothing, inside its transaction. */
export async function holdRow(
  database: TestDatabase,
  application = 'celery: reconcile_payments',
  as: 'app' | 'superuser' = 'app',
): Promise<TestSession> {
  const holder = await database.openSession(application, as);
  await holder.query('begin');
  await holder.query('update accounts_account set balance = 1 where id = 1');
  return holder;
}

/** Sessions that wait for the row of `holdRow`; `ended` resolves when all of them got on, or were ended. */
export async function waitForRow(
  database: TestDatabase,
  count: number,
): Promise<{ waiters: TestSession[]; ended: Promise<unknown> }> {
  const waiters = await Promise.all(Array.from({ length: count }, () => database.openSession('gunicorn')));
  const ended = Promise.allSettled(
    waiters.map((waiter) => waiter.query('update accounts_account set balance = 2 where id = 1')),
  );
  await waitForLockWaiters(database, count);
  return { waiters, ended };
}
