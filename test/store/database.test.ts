import { afterEach, beforeEach, expect, test } from 'vitest';
import { BotError } from '../../src/errors.ts';
import { type Database, migrate, openDatabase, reserve } from '../../src/store/database.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/test-database.ts';

let store: TestDatabase;
let db: Database;
const open = () => openDatabase(store.appUrl, () => undefined);
beforeEach(async () => {
  store = await createTestDatabase();
  db = await open();
});
afterEach(async () => {
  await db.close();
  await store.close();
});

test('several processes that migrate an empty database at once: each migration is applied once', async () => {
  const others = await Promise.all([open(), open(), open()]);
  const applied = await Promise.all([db, ...others].map((one) => migrate(one, () => undefined)));
  const { rows } = await db.query<{ name: string }>('select name from migrations order by id');
  expect(rows.length).toBeGreaterThan(0);
  expect(applied.flat()).toEqual(rows.map((row) => row.name));
  expect(applied.filter((names) => names.length > 0)).toHaveLength(1);
  expect(await migrate(db, () => undefined)).toEqual([]);
  await Promise.all(others.map((one) => one.close()));
});

test('a migration that cannot be applied leaves nothing behind, and the next start can try again', async () => {
  await store.query(`revoke create on schema public from public`);
  await store.query(`alter database ${store.name} owner to postgres`);
  await expect(migrate(db, () => undefined)).rejects.toMatchObject({ code: 'store-migration' });
  await store.query(`alter database ${store.name} owner to ${store.appRole}`);
  await store.query(`grant create on schema public to ${store.appRole}`);
  expect((await migrate(db, () => undefined)).length).toBeGreaterThan(0);
});

test('a transaction that throws leaves no trace, and its connection is usable again', async () => {
  await db.query('create table t (n int)');
  const failing = db.transaction(async (tx) => {
    await tx.query('insert into t values (1)');
    throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  expect((await db.query('select from t')).rowCount).toBe(0);
  expect(await db.transaction(async (tx) => (await tx.query('insert into t values (2)')).rowCount)).toBe(1);
});

test('a connection lost inside a transaction fails that transaction only', async () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown) => unhandled.push(error);
  process.on('uncaughtException', note);
  try {
    const lost = db.transaction(async (tx) => {
      const { rows } = await tx.query<{ pid: number }>('select pg_backend_pid() as pid');
      await store.query(`select pg_terminate_backend(${rows[0]?.pid}, 5000)`);
      const answer = () => tx.query('select 1').then(String, () => 'lost');
      await expect.poll(answer).toBe('lost');
      await tx.query('select 2');
    });
    await expect(lost).rejects.toThrow();
    expect(await db.transaction(async (tx) => (await tx.query('select 3')).rowCount)).toBe(1);
  } finally {
    process.off('uncaughtException', note);
  }
  expect(unhandled).toEqual([]);
});

test('bigint comes as a number', async () => {
  expect((await db.query<{ n: number }>('select 9007199254740991::bigint as n')).rows[0]?.n).toBe(
    Number.MAX_SAFE_INTEGER,
  );
});

test('a store that does not answer is said so, without its password', async () => {
  const gone = 'postgres://me:hunter2@127.0.0.1:1/none';
  const failed = await openDatabase(gone, () => undefined).catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(BotError);
  expect(failed).toMatchObject({ code: 'store-unreachable' });
  expect(String(failed)).not.toContain('hunter2');
});

test('a name is held by one process until it lets go', async () => {
  const other = await open();
  const mine = await reserve(db, 'state-dir');
  expect(mine).not.toBeNull();
  expect(await reserve(other, 'state-dir')).toBeNull();
  const another = await reserve(other, 'something-else');
  await mine?.release();
  await expect
    .poll(() => reserve(other, 'state-dir').then((held) => held?.release().then(() => true)))
    .toBe(true);
  await another?.release();
  await other.close();
});
