import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { cancelQuery } from '../../src/mitigations/cancel-query.ts';
import type { MitigationContext } from '../../src/mitigations/mitigation.ts';
import { type OpenTargets, openTargets } from '../../src/targets/targets.ts';
import { createAccounts, holdRow } from '../helpers/lock-scene.ts';
import { mitigationContext, targetOf } from '../helpers/look-at.ts';
import { createTestDatabase, type TestDatabase, type TestRole } from '../helpers/test-database.ts';
import { serviceOn } from '../helpers/test-service.ts';

let database: TestDatabase;
let targets: OpenTargets;
let context: MitigationContext;
beforeAll(async () => {
  database = await createTestDatabase();
  await createAccounts(database);
});
afterAll(() => database.close());
beforeEach(() => {
  const service = serviceOn(database);
  targets = openTargets(service);
  context = mitigationContext(service, targets);
});
afterEach(() => targets.close());

/** A session that runs a statement until it is cancelled; `outcome` is its SQLSTATE or "finished". */
async function runForever(application = 'analytics', as: TestRole = 'app') {
  const session = await database.openSession(application, as);
  const outcome = session.query('select pg_sleep(60)').then(
    () => 'finished',
    (error: { code?: string }) => error.code,
  );
  const target = await vi.waitFor(() => targetOf(session.pid, context), 10_000);
  return { session, outcome, target };
}

async function stateOf(pid: number): Promise<string | undefined> {
  const { rows } = await database.query<{ state: string }>(
    'select state from pg_stat_activity where pid = $1',
    [pid],
  );
  return rows[0]?.state;
}

async function stop({ session, outcome }: Awaited<ReturnType<typeof runForever>>): Promise<void> {
  await database.query('select pg_cancel_backend($1)', [session.pid]);
  await outcome;
  await session.end();
}

test('cancels the statement and leaves the session', async () => {
  const { session, outcome, target } = await runForever();
  expect(cancelQuery.describe(target)).toMatch(/^pid \d+, running one statement for \d+ s, analytics$/);
  expect(await cancelQuery.look(target, context)).toMatchObject({ state: 'same', dryRun: { freed: 0 } });
  expect(await cancelQuery.execute(target, context)).toMatchObject({ effect: 'done' });
  expect(await cancelQuery.verify(target, context)).toMatchObject({
    effect: 'took-place',
    detail: expect.stringContaining('has ended, the session is idle'),
  });
  expect(await outcome).toBe('57014');
  expect((await session.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  await session.end();
});

test('refuses the idle session that keeps its last query_start', async () => {
  const { session, outcome, target } = await runForever();
  await cancelQuery.execute(target, context);
  await outcome;
  await vi.waitFor(async () => expect(await stateOf(session.pid)).toBe('idle'));
  expect(await cancelQuery.execute(target, context)).toEqual({
    effect: 'target-changed',
    reason: `pid ${session.pid} has finished its statement and is idle`,
  });
  await session.end();
});

test('refuses when the session runs another statement by now', async () => {
  const first = await runForever();
  await cancelQuery.execute(first.target, context);
  await first.outcome;
  const second = first.session.query('select pg_sleep(60)').catch((error: { code: string }) => error.code);
  await vi.waitFor(async () => expect(await stateOf(first.session.pid)).toBe('active'));
  expect(await cancelQuery.look(first.target, context)).toEqual({
    state: 'changed',
    reason: `pid ${first.session.pid} is running another statement by now`,
  });
  expect(await cancelQuery.execute(first.target, context)).toMatchObject({ effect: 'target-changed' });
  expect(await stateOf(first.session.pid)).toBe('active');
  await database.query('select pg_cancel_backend($1)', [first.session.pid]);
  expect(await second).toBe('57014');
  await first.session.end();
});

test('refuses a target whose query id, start of session or role differs', async () => {
  const running = await runForever();
  for (const wrong of [
    { queryId: '1' },
    { queryId: null },
    { backendStart: '2020-01-01 00:00:00+00' },
    { role: 'somebody' },
    { database: 'postgres' },
    { pid: 2_000_000_000 },
  ]) {
    expect(await cancelQuery.execute({ ...running.target, ...wrong }, context)).toMatchObject({
      effect: 'target-changed',
    });
  }
  expect(await stateOf(running.session.pid)).toBe('active');
  await stop(running);
});

test.each([
  ['a superuser', 'psql', 'superuser', /superuser/],
  ["the bot's own session", 'latency-bot:lock-tree', 'app', /bot's own/],
  ['a backup', 'pg_dump', 'app', /backup/],
] as const)('never cancels %s', async (_what, application, as, reason) => {
  const plain = await runForever('analytics', as);
  const pid = plain.session.pid;
  await stop(plain);
  const session = await database.openSession(application, as);
  const outcome = session.query('select pg_sleep(60)').catch((error: { code: string }) => error.code);
  const { rows } = await vi.waitFor(async () => {
    const found = await database.query(
      `select backend_start::text as "backendStart", query_start::text as "queryStart", query_id::text as "queryId",
         usename as role from pg_stat_activity where pid = $1 and state = 'active'`,
      [session.pid],
    );
    expect(found.rowCount).toBe(1);
    return found;
  });
  expect(pid).not.toBe(session.pid);
  const target = { ...plain.target, pid: session.pid, application, ...rows[0] };
  expect(await cancelQuery.execute(target, context)).toEqual({
    effect: 'target-changed',
    reason: expect.stringMatching(reason),
  });
  expect(await stateOf(session.pid)).toBe('active');
  await database.query('select pg_cancel_backend($1)', [session.pid]);
  await outcome;
  await session.end();
});

test('never cancels a role that is configured as untouchable', async () => {
  const running = await runForever();
  const service = serviceOn(database, { mitigations: { neverTouchRoles: [database.appRole] } });
  expect(await cancelQuery.execute(running.target, { ...context, service })).toEqual({
    effect: 'target-changed',
    reason: expect.stringContaining('never to be touched'),
  });
  await stop(running);
});

test('an idle transaction is no target: a cancel would claim success and change nothing', async () => {
  const holder = await holdRow(database);
  const target = await targetOf(holder.pid, context);
  expect(await cancelQuery.execute(target, context)).toMatchObject({
    effect: 'target-changed',
    reason: expect.stringContaining('idle in transaction'),
  });
  await holder.end();
});

test('says what is freed when the statement holds locks', async () => {
  const holder = await holdRow(database, 'batch');
  const outcome = holder.query('select pg_sleep(60)').catch((error: { code: string }) => error.code);
  const waiter = await database.openSession('gunicorn');
  const waiting = waiter.query('update accounts_account set balance = 3 where id = 1');
  const target = await vi.waitFor(() => targetOf(holder.pid, context), 10_000);
  await vi.waitFor(async () => {
    expect(await cancelQuery.look(target, context)).toMatchObject({
      state: 'same',
      dryRun: {
        freed: 1,
        waiters: [{ pid: waiter.pid, application: 'gunicorn', relation: 'accounts_account' }],
      },
    });
  });
  // The transaction is aborted by the cancel, and an aborted transaction holds no row any more.
  await cancelQuery.execute(target, context);
  expect(await outcome).toBe('57014');
  await holder.query('rollback');
  await waiting;
  await holder.end();
  await waiter.end();
});

test('a statement that goes on is reported as such', async () => {
  const running = await runForever();
  const verification = await cancelQuery.verify(running.target, context);
  expect(verification).toMatchObject({ effect: 'did-not-take-place' });
  await stop(running);
});
