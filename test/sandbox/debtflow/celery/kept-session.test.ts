import pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { keptSession } from '../../../../sandbox/debtflow/celery/kept-session.ts';
import { createTestDatabase, type TestDatabase } from '../../../helpers/test-database.ts';

let database: TestDatabase;
const opened: pg.Client[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(async () => {
  await Promise.all(opened.map((client) => client.end()));
  await database.close();
});

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: database.appUrl });
  client.on('error', () => undefined); // the next task opens another
  await client.connect();
  opened.push(client);
  return client;
}

test('many tasks share one connection, and none leaves a listener on it', async () => {
  const session = keptSession(connect);
  const listeners: number[] = [];
  for (let task = 0; task < 30; task += 1)
    await session(async (client) => {
      await client.query('select 1');
      listeners.push(client.listenerCount('end'));
    });
  expect(opened).toHaveLength(1);
  expect(new Set(listeners)).toEqual(new Set([1]));

  // Ended from outside: the next task has another one.
  const { rows } = await (opened[0] as pg.Client).query<{ pid: number }>('select pg_backend_pid() as pid');
  await database.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
  await vi.waitFor(async () => {
    await session(async (client) => void (await client.query('select 1')));
    expect(opened).toHaveLength(2);
  }, 5_000);
});

test('a connection that cannot be opened fails its task, and the next task tries again', async () => {
  const tries = vi.fn(connect).mockRejectedValueOnce(new Error('no slot is left'));
  const session = keptSession(tries);
  const work = vi.fn(async (client: pg.Client) => void (await client.query('select 1')));
  await expect(session(work)).rejects.toThrow('no slot is left');
  await session(work);
  expect(work).toHaveBeenCalledTimes(1);
});
