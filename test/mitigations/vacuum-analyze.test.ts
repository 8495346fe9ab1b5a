import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { MitigationContext } from '../../src/mitigations/mitigation.ts';
import { CareTarget } from '../../src/mitigations/table-care.ts';
import { vacuumAnalyze } from '../../src/mitigations/vacuum-analyze.ts';
import { tableHealth } from '../../src/probes/table-health.ts';
import { type OpenTargets, openTargets } from '../../src/targets/targets.ts';
import { createPayments, lendOwnership, ownedService } from '../helpers/owner-scene.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/test-database.ts';

const LONG = { timeout: 60_000 };

let database: TestDatabase;
let targets: OpenTargets;
let context: MitigationContext;
beforeAll(async () => {
  database = await createTestDatabase();
  await lendOwnership(database);
  await createPayments(database, 20_000);
  await database.query('alter table payments set (autovacuum_enabled = false)');
}, 60_000);
afterAll(() => database.close());
beforeEach(() => {
  const service = ownedService(database);
  targets = openTargets(service);
  context = { service, targets, signal: AbortSignal.timeout(50_000) };
});
afterEach(() => targets.close());

async function targetNow(): Promise<CareTarget> {
  const report = await tableHealth.run({ ...context, windowMs: 1 });
  return CareTarget.parse(report.tables.find(({ table }) => table === 'payments'));
}

test('removes the dead rows, and says how many are left', LONG, async () => {
  await database.query("update payments set note = 'changed'");
  await database.query('select pg_stat_force_next_flush()');
  const target = await targetNow();
  const look = await vacuumAnalyze.look(target, context);
  expect(look).toMatchObject({ state: 'same', dryRun: { deadRows: 20_000, autovacuum: false } });
  if (look.state === 'same')
    expect(vacuumAnalyze.describeDryRun(look.dryRun).join()).toContain('20000 dead ones');
  expect(await vacuumAnalyze.verify(target, context)).toMatchObject({ effect: 'did-not-take-place' });
  expect(await vacuumAnalyze.execute(target, context)).toMatchObject({ effect: 'done' });
  await vi.waitFor(async () =>
    expect(await vacuumAnalyze.verify(target, context)).toMatchObject({
      effect: 'took-place',
      detail: expect.stringMatching(/^public\.payments was vacuumed at .*; 0 dead rows are left$/),
    }),
  );
  expect(await vacuumAnalyze.look(target, context)).toMatchObject({
    reason: expect.stringContaining('has been vacuumed since it was proposed'),
  });
});

test('is refused while another vacuum is at the table', LONG, async () => {
  await database.query("update payments set note = 'again'");
  const target = await targetNow();
  const owner = await database.openSession('dba');
  await owner.query('set vacuum_cost_delay = 100; set vacuum_cost_limit = 1');
  const slow = owner.query('vacuum payments').catch((error: { code: string }) => error.code);
  await vi.waitFor(async () =>
    expect(await vacuumAnalyze.look(target, context)).toEqual({
      state: 'changed',
      reason: `pid ${owner.pid} is vacuuming or analysing public.payments already`,
    }),
  );
  expect(await vacuumAnalyze.execute(target, context)).toMatchObject({ effect: 'target-changed' });
  await database.query('select pg_cancel_backend($1)', [owner.pid]);
  expect(await slow).toBe('57014');
  await owner.end();
});
