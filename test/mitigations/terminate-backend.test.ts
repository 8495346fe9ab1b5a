import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { BackendTarget } from '../../src/mitigations/backend-target.ts';
import type { MitigationContext } from '../../src/mitigations/mitigation.ts';
import { terminateBackend } from '../../src/mitigations/terminate-backend.ts';
import { type OpenTargets, openTargets } from '../../src/targets/targets.ts';
import { createAccounts, holdRow, waitForRow } from '../helpers/lock-scene.ts';
import { mitigationContext, targetOf } from '../helpers/look-at.ts';
import { createTestDatabase, type TestDatabase, type TestSession } from '../helpers/test-database.ts';
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

async function isAlive(pid: number): Promise<boolean> {
  const { rowCount } = await database.query('select 1 from pg_stat_activity where pid = $1', [pid]);
  return rowCount === 1;
}

/** The act must not happen, and must say why. */
async function expectRefused(target: BackendTarget, victim: TestSession, reason: RegExp): Promise<void> {
  expect(await terminateBackend.execute(target, context)).toEqual({
    effect: 'target-changed',
    reason: expect.stringMatching(reason),
  });
  expect(await isAlive(victim.pid)).toBe(true);
}

test('ends the idle transaction, frees those who waited, and says so', async () => {
  const holder = await holdRow(database);
  const { waiters, ended } = await waitForRow(database, 3);
  const target = await targetOf(holder.pid, context);
  expect(terminateBackend.describe(target)).toMatch(
    /^pid \d+, idle in transaction for \d+ s, celery: reconcile_payments$/,
  );

  const look = await terminateBackend.look(target, context);
  expect(look).toMatchObject({ state: 'same', dryRun: { freed: 3, waitersTotal: 3 } });
  if (look.state === 'same') {
    expect(look.dryRun.waiters.map(({ pid }) => pid).sort()).toEqual(waiters.map(({ pid }) => pid).sort());
    expect(look.dryRun.waiters[0]).toMatchObject({ application: 'gunicorn', relation: 'accounts_account' });
    expect(terminateBackend.describeDryRun(look.dryRun)).toContain('Frees 3 of 3 waiting sessions.');
  }

  expect(await terminateBackend.execute(target, context)).toMatchObject({ effect: 'done' });
  expect(await terminateBackend.verify(target, context)).toEqual({
    effect: 'took-place',
    detail: expect.stringMatching(/is gone; (no session waits|\d sessions? still waits?)/),
  });
  expect(await isAlive(holder.pid)).toBe(false);
  await ended;
  for (const waiter of waiters) await waiter.end();
  await holder.end();
});

test('does nothing the second time', async () => {
  const holder = await holdRow(database);
  const target = await targetOf(holder.pid, context);
  expect(await terminateBackend.execute(target, context)).toMatchObject({ effect: 'done' });
  await vi.waitFor(async () => expect(await isAlive(holder.pid)).toBe(false));
  expect(await terminateBackend.look(target, context)).toEqual({
    state: 'changed',
    reason: `pid ${holder.pid} is gone`,
  });
  expect(await terminateBackend.execute(target, context)).toEqual({
    effect: 'target-changed',
    reason: `pid ${holder.pid} is gone`,
  });
  await holder.end();
});

test('a look changes nothing', async () => {
  const holder = await holdRow(database);
  const target = await targetOf(holder.pid, context);
  await terminateBackend.look(target, context);
  expect(await targetOf(holder.pid, context)).toMatchObject({ stateChange: target.stateChange });
  expect(
    await terminateBackend.verify(
      { ...target, backendStart: target.backendStart },
      { ...context, signal: AbortSignal.timeout(300) },
    ),
  ).toMatchObject({
    effect: 'unknown',
  });
  await holder.end();
});

test('refuses a pid that another session has by now', async () => {
  const holder = await holdRow(database);
  const target = await targetOf(holder.pid, context);
  await expectRefused(
    { ...target, backendStart: '2020-01-01 00:00:00.123456+00' },
    holder,
    /another session/,
  );
  await holder.end();
});

test('a time stamp without its microseconds does not match', async () => {
  const holder = await holdRow(database);
  const target = await targetOf(holder.pid, context);
  const asDate = new Date(target.backendStart.replace(' ', 'T').replace('+00', 'Z')).toISOString();
  await expectRefused({ ...target, backendStart: asDate }, holder, /another session/);
  await holder.end();
});

test('refuses when the transaction went on in between', async () => {
  const holder = await holdRow(database);
  const target = await targetOf(holder.pid, context);
  await holder.query('select 1');
  expect(await terminateBackend.look(target, context)).toMatchObject({ state: 'changed' });
  await expectRefused(target, holder, /moved on/);
  await holder.end();
});

test('refuses when a new transaction idles in the same session', async () => {
  const holder = await holdRow(database);
  const target = await targetOf(holder.pid, context);
  await holder.query('rollback');
  await holder.query('begin');
  await holder.query('select 1 from accounts_account');
  await expectRefused(target, holder, /moved on/);
  await holder.end();
});

test('refuses when the transaction has ended', async () => {
  const holder = await holdRow(database);
  const target = await targetOf(holder.pid, context);
  await holder.query('rollback');
  await expectRefused(target, holder, /no longer idle in transaction, it is idle/);
  await holder.end();
});

test('refuses when the session is active again', async () => {
  const holder = await holdRow(database);
  const target = await targetOf(holder.pid, context);
  const running = holder.query('select pg_sleep(30)').catch((error: unknown) => error);
  await vi.waitFor(async () => {
    expect((await targetOf(holder.pid, context)).state).toBe('active');
  });
  await expectRefused(target, holder, /it is active/);
  await database.query('select pg_cancel_backend($1)', [holder.pid]);
  await running;
  await holder.end();
});

test('never ends a superuser', async () => {
  const holder = await holdRow(database, 'psql', 'superuser');
  const target = await targetOf(holder.pid, context);
  await expectRefused(target, holder, /superuser/);
  await holder.end();
});

test('never ends a role for replication', async () => {
  await database.query(`alter role ${database.appRole} replication`);
  const holder = await holdRow(database);
  const target = await targetOf(holder.pid, context);
  await expectRefused(target, holder, /replication/);
  await database.query(`alter role ${database.appRole} noreplication`);
  await holder.end();
});

test('never ends a role that is configured as untouchable', async () => {
  const holder = await holdRow(database);
  const target = await targetOf(holder.pid, context);
  const service = serviceOn(database, { mitigations: { neverTouchRoles: [database.appRole] } });
  context = { ...context, service };
  await expectRefused(target, holder, /never to be touched/);
  await holder.end();
});

test("never ends one of the bot's own sessions, nor a backup", async () => {
  const holder = await holdRow(database);
  const target = await targetOf(holder.pid, context);
  for (const [name, reason] of [
    ['latency-bot:lock-tree', /bot's own/],
    ['pg_dump', /backup/],
  ] as const) {
    await holder.query(`set application_name = '${name}'`);
    const { rows } = await database.query(
      'select state_change::text as "stateChange", query_start::text as "queryStart", query_id::text as "queryId" from pg_stat_activity where pid = $1',
      [holder.pid],
    );
    await expectRefused({ ...target, ...rows[0] }, holder, reason);
  }
  await holder.end();
});

test('never ends a session of another database', async () => {
  const other = await createTestDatabase();
  await createAccounts(other);
  const holder = await holdRow(other);
  const otherTargets = openTargets(serviceOn(other));
  const target = await targetOf(holder.pid, { ...context, service: serviceOn(other), targets: otherTargets });
  await expectRefused(target, holder, /at the moment of acting/);
  await expectRefused({ ...target, database: database.name }, holder, /another database/);
  await otherTargets.close();
  await holder.end();
  await other.close();
});

test('a pid that does not exist is gone', async () => {
  const holder = await holdRow(database);
  const target = await targetOf(holder.pid, context);
  const missing = { ...target, pid: 2_000_000_000 };
  expect(await terminateBackend.execute(missing, context)).toEqual({
    effect: 'target-changed',
    reason: 'pid 2000000000 is gone',
  });
  expect(await isAlive(holder.pid)).toBe(true);
  await holder.end();
});

test('a role without pg_signal_backend is told which grant is missing', async () => {
  const holder = await holdRow(database);
  const service = serviceOn(database, {
    targets: { postgres: { url: database.probeUrl, actionUrl: database.probeUrl } },
  });
  const weak = openTargets(service);
  const target = await targetOf(holder.pid, context);
  await expect(
    terminateBackend.execute(target, { ...context, service, targets: weak }),
  ).rejects.toMatchObject({
    code: 'target-permission',
    userMessage: expect.stringMatching(/grant pg_signal_backend to probe_/),
  });
  expect(await isAlive(holder.pid)).toBe(true);
  await weak.close();
  await holder.end();
});

test('an active session is ended only when it was cancelled in vain, and only in that very statement', async () => {
  const session = await database.openSession('report');
  const running = session.query('select pg_sleep(30)').catch((error: unknown) => error);
  const target = await vi.waitFor(() => targetOf(session.pid, context), 10_000);
  await expectRefused(target, session, /it is active/);
  await expectRefused(
    { ...target, afterCancel: true, queryStart: target.backendStart },
    session,
    /finished the statement/,
  );
  expect(await terminateBackend.execute({ ...target, afterCancel: true }, context)).toMatchObject({
    effect: 'done',
  });
  expect(await terminateBackend.verify(target, context)).toMatchObject({ effect: 'took-place' });
  await running;
  await session.end();
});

test('verification that cannot look says unknown, never done', async () => {
  const holder = await holdRow(database);
  const target = await targetOf(holder.pid, context);
  const service = serviceOn(database, { targets: { postgres: { url: 'postgres://u:p@127.0.0.1:1/db' } } });
  const dead = openTargets(service);
  expect(await terminateBackend.verify(target, { ...context, service, targets: dead })).toEqual({
    effect: 'unknown',
    detail: expect.stringContaining('could not look whether it took effect'),
  });
  await dead.close();
  await holder.end();
});
