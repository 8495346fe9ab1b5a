import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { analyze } from '../../src/mitigations/analyze.ts';
import type { MitigationContext } from '../../src/mitigations/mitigation.ts';
import { CareTarget } from '../../src/mitigations/table-care.ts';
import { tableHealth } from '../../src/probes/table-health.ts';
import { type OpenTargets, openTargets } from '../../src/targets/targets.ts';
import { createPayments, lendOwnership, ownedService } from '../helpers/owner-scene.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/test-database.ts';
import { serviceOn, testService } from '../helpers/test-service.ts';

const LONG = { timeout: 60_000 };

let database: TestDatabase;
let targets: OpenTargets;
let context: MitigationContext;
beforeAll(async () => {
  database = await createTestDatabase();
  await lendOwnership(database);
  await createPayments(database, 20_000);
}, 60_000);
afterAll(() => database.close());
beforeEach(() => {
  const service = ownedService(database);
  targets = openTargets(service);
  context = { service, targets, signal: AbortSignal.timeout(50_000) };
});
afterEach(() => targets.close());

/** What a proposal would carry, as the probe itself sees the table. */
async function targetNow(): Promise<CareTarget> {
  const report = await tableHealth.run({ ...context, windowMs: 1 });
  return CareTarget.parse(report.tables.find(({ table }) => table === 'payments'));
}

test('gives the planner new statistics, which is how it is verified', LONG, async () => {
  const target = await targetNow();
  expect(analyze.describe(target)).toBe('statistics of the table public.payments');
  const look = await analyze.look(target, context);
  expect(look).toMatchObject({ state: 'same', dryRun: { rows: 20_000 } });
  if (look.state === 'same') expect(analyze.describeDryRun(look.dryRun).join()).toContain('(an estimate)');
  expect(await analyze.verify(target, context)).toMatchObject({ effect: 'did-not-take-place' });
  expect(await analyze.execute(target, context)).toMatchObject({ effect: 'done' });
  await vi.waitFor(async () =>
    expect(await analyze.verify(target, context)).toMatchObject({ effect: 'took-place' }),
  );
  // Once is enough: what was approved then has happened.
  expect(await analyze.execute(target, context)).toMatchObject({
    effect: 'target-changed',
    reason: expect.stringContaining('public.payments has been analysed since it was proposed'),
  });
});

test('does not queue behind a lock', LONG, async () => {
  const target = await targetNow();
  const holder = await database.openSession('migrate');
  await holder.query('begin');
  await holder.query('lock table payments in share update exclusive mode');
  await expect(analyze.execute(target, context)).rejects.toMatchObject({
    userMessage: 'it waited too long for a lock that somebody else holds',
  });
  await holder.query('rollback');
  await holder.end();
});

test('is refused where the role may not, before PostgreSQL would only warn', LONG, async () => {
  const target = await targetNow();
  const service = serviceOn(database);
  // Before PostgreSQL 16 who may become the owner has all of its rights all the time.
  const action = decodeURIComponent(new URL(database.actionUrl).username);
  await database.query(`revoke ${database.appRole} from ${action}`);
  const refused = await analyze.execute(target, { ...context, service });
  await lendOwnership(database);
  expect(refused).toMatchObject({
    effect: 'target-changed',
    reason: expect.stringContaining('may not maintain public.payments'),
  });
  expect(await targetNow()).toEqual(target);
  expect(analyze.unavailable(testService())).toContain('actionUrl');
});

test('is refused on a table that was renamed or dropped', LONG, async () => {
  const target = await targetNow();
  await database.query('alter table payments rename to payments_old');
  expect(await analyze.execute(target, context)).toMatchObject({
    effect: 'target-changed',
    reason: 'the table public.payments is called public.payments_old by now',
  });
  await database.query('alter table payments_old rename to payments');
  expect(await analyze.look({ ...target, oid: '1' }, context)).toEqual({
    state: 'changed',
    reason: 'the table public.payments is gone',
  });
});
