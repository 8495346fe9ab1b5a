import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type DropTarget, dropIndex } from '../../src/mitigations/drop-index.ts';
import type { MitigationContext } from '../../src/mitigations/mitigation.ts';
import { type OpenTargets, openTargets } from '../../src/targets/targets.ts';
import { createPayments, lendOwnership, oidOf, ownedService } from '../helpers/owner-scene.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/test-database.ts';

const LONG = { timeout: 60_000 };
const NAME = 'lb_payments_account_abc123';

let database: TestDatabase;
let targets: OpenTargets;
let context: MitigationContext;
let target: DropTarget;
beforeAll(async () => {
  database = await createTestDatabase();
  await lendOwnership(database);
  await createPayments(database, 1_000);
  target = {
    ...{ oid: await oidOf(database, 'payments'), schema: 'public', table: 'payments', name: NAME },
    ...{ columns: [{ name: 'account_id', descending: false }], why: 'undo', indexOid: null },
  };
}, 60_000);
afterAll(() => database.close());
beforeEach(async () => {
  const service = ownedService(database);
  targets = openTargets(service);
  context = { service, targets, signal: AbortSignal.timeout(50_000) };
  await asOwner(`create index ${NAME} on payments (account_id)`);
});
afterEach(async () => {
  await targets.close();
  await database.query(`drop index if exists ${NAME}`);
});

async function asOwner(sql: string): Promise<void> {
  const owner = await database.openSession('migrate');
  await owner.query(sql);
  await owner.end();
}

test('drops the index that was shown', LONG, async () => {
  const shown = { ...target, indexOid: await oidOf(database, NAME) };
  const look = await dropIndex.look(shown, context);
  expect(look).toMatchObject({ state: 'same', dryRun: { valid: true, scans: 0 } });
  if (look.state === 'same')
    expect(dropIndex.describeDryRun(look.dryRun).join()).toContain('It was used 0 times');
  expect(dropIndex.describe(shown)).toBe(`the index ${NAME} on public.payments (account_id)`);
  expect(await dropIndex.verify(shown, context)).toMatchObject({ effect: 'did-not-take-place' });
  expect(await dropIndex.execute(shown, context)).toMatchObject({ effect: 'done' });
  expect(await dropIndex.verify(shown, context)).toMatchObject({ effect: 'took-place' });
  expect(await dropIndex.execute(shown, context)).toMatchObject({
    effect: 'target-changed',
    reason: `there is no index ${NAME} any more`,
  });
});

test(
  'refuses one that was built again, one of other columns, and a valid one that was shown as invalid',
  LONG,
  async () => {
    const reasonFor = async (changes: Partial<DropTarget>) => {
      const look = await dropIndex.look({ ...target, ...changes }, context);
      expect(await dropIndex.execute({ ...target, ...changes }, context)).toMatchObject({
        effect: 'target-changed',
      });
      return look.state === 'changed' ? look.reason : 'it would drop it';
    };
    expect(await reasonFor({ indexOid: '1' })).toContain('is another index by now');
    expect(await reasonFor({ columns: [{ name: 'id', descending: false }] })).toContain('of other columns');
    expect(await reasonFor({ why: 'invalid' })).toContain('is valid by now');
    expect(await reasonFor({ oid: '1' })).toContain('is gone');
  },
);

test('refuses an index that is more than one: unique, or behind a constraint', LONG, async () => {
  await database.query(`drop index ${NAME}`);
  const columns = [{ name: 'id', descending: false }];
  expect(await dropIndex.execute({ ...target, name: 'payments_pkey', columns }, context)).toMatchObject({
    effect: 'target-changed',
    reason: 'payments_pkey forbids duplicates: it is more than an index',
  });
  await asOwner(`create unique index ${NAME} on payments (id)`);
  expect(await dropIndex.look({ ...target, columns }, context)).toMatchObject({
    reason: expect.stringContaining('forbids duplicates'),
  });
});
