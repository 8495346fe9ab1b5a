import { expect, test } from 'vitest';
import { lockTree } from '../../src/probes/lock-tree.ts';
import { createAccounts, holdRow, waitForLockWaiters, waitForRow } from '../helpers/lock-scene.ts';
import { reportOf, withTargets } from '../helpers/run.ts';
import { type TestDatabase, withTestDatabase } from '../helpers/test-database.ts';
import { serviceOn } from '../helpers/test-service.ts';

const look = (database: TestDatabase) => {
  const service = serviceOn(database);
  return withTargets(service, (targets) => reportOf(lockTree, service, targets));
};

test('nobody waits: an empty tree', () =>
  withTestDatabase(async (database) => {
    await createAccounts(database);
    const holder = await holdRow(database);
    expect(await look(database)).toEqual({
      nodes: [],
      roots: [],
      queueHeads: [],
      prepared: [],
      waitingAtBegin: 0,
      waitingAtEnd: 0,
      cut: false,
    });
    await holder.end();
  }));

test('names the session that holds the row, not the ones queued before it', () =>
  withTestDatabase(async (database) => {
    await createAccounts(database);
    const holder = await holdRow(database);
    const { waiters } = await waitForRow(database, 4);
    const report = await look(database);
    expect(report.roots).toEqual([
      {
        pid: holder.pid,
        class: 'idle-in-transaction',
        waiters: expect.arrayContaining(waiters.map(({ pid }) => pid)),
        drain: 4,
        held: [{ relation: 'accounts_account', mode: 'RowExclusiveLock' }],
        lasting: true,
      },
    ]);
    const root = report.nodes.find(({ pid }) => pid === holder.pid);
    expect(root).toMatchObject({
      application: 'celery: reconcile_payments',
      state: 'idle in transaction',
      superuser: false,
      query: { text: 'update accounts_account set balance = $1 where id = $2', how: 'parsed' },
    });
    expect(root?.backendStart).toMatch(/\.\d{4,6}\+00$/);
    const waiting = report.nodes.filter(({ blockedBy }) => blockedBy.length > 0);
    expect(waiting.map(({ relation }) => relation)).toEqual(Array(4).fill('accounts_account'));
    expect(Math.min(...waiting.map(({ waitMs }) => waitMs ?? 0))).toBeGreaterThan(200);
  }));

test('of several locks on one table the strongest is named', () =>
  withTestDatabase(async (database) => {
    await createAccounts(database);
    const strongest = async (mode: string) => {
      const holder = await holdRow(database);
      await holder.query(`lock table accounts_account in ${mode} mode`);
      const waiter = await database.openSession('gunicorn');
      const waiting = waiter.query('update accounts_account set balance = 2 where id = 1');
      await waitForLockWaiters(database, 1);
      const { roots } = await look(database);
      await holder.end();
      await waiting;
      return roots.flatMap(({ held }) => held);
    };
    const relation = 'accounts_account';
    expect(await strongest('row share')).toEqual([{ relation, mode: 'RowExclusiveLock' }]);
    expect(await strongest('access exclusive')).toEqual([{ relation, mode: 'AccessExclusiveLock' }]);
    expect(await strongest('share')).toEqual([{ relation, mode: 'ShareLock' }]);
  }));

test('a schema change between two readers and many is the head of the jam', () =>
  withTestDatabase(async (database) => {
    await createAccounts(database);
    const readers = [await database.openSession('report'), await database.openSession('report')];
    for (const reader of readers) await reader.query('begin; select 1 from accounts_account limit 1');
    const migration = await database.openSession('migrate');
    const altering = migration
      .query('alter table accounts_account add column extra int')
      .catch(() => undefined);
    await waitForLockWaiters(database, 1);
    const requests = [await database.openSession('gunicorn'), await database.openSession('gunicorn')];
    const reading = requests.map((r) => r.query('select 1 from accounts_account').catch(() => undefined));
    await waitForLockWaiters(database, 3);
    const report = await look(database);
    expect(report.queueHeads).toEqual([{ pid: migration.pid, drain: 2 }]);
    expect(report.roots.map(({ pid, drain }) => [pid, drain]).sort()).toEqual(
      readers.map(({ pid }) => [pid, 0]).sort(),
    );
    for (const session of [...readers]) await session.query('rollback');
    await Promise.all([altering, ...reading]);
  }));

test('a prepared transaction blocks without a session', () =>
  withTestDatabase(async (database) => {
    await createAccounts(database);
    const orphan = await holdRow(database, 'batch');
    await orphan.query("prepare transaction 'orphan-1'");
    await waitForRow(database, 1);
    const report = await look(database);
    expect(report.roots).toMatchObject([{ pid: 0, class: 'prepared-transaction', drain: 1 }]);
    expect(report.prepared).toMatchObject([{ gid: 'orphan-1', role: database.appRole }]);
    expect(report.nodes.map(({ waitsForXid }) => waitsForXid)).toEqual([report.prepared[0]?.xid]);
    await database.query("rollback prepared 'orphan-1'");
  }));

test('other databases of the server are not looked at', () =>
  withTestDatabase((other) =>
    withTestDatabase(async (database) => {
      await createAccounts(other);
      await holdRow(other);
      await waitForRow(other, 1);
      expect((await look(database)).nodes).toEqual([]);
    }),
  ));
