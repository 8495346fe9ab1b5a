import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { analyze } from '../../src/mitigations/analyze.ts';
import { type BackendTarget, backendTarget } from '../../src/mitigations/backend-target.ts';
import { createIndex } from '../../src/mitigations/create-index.ts';
import type { MitigationContext } from '../../src/mitigations/mitigation.ts';
import { CareTarget } from '../../src/mitigations/table-care.ts';
import { terminateBackend } from '../../src/mitigations/terminate-backend.ts';
import { vacuumAnalyze } from '../../src/mitigations/vacuum-analyze.ts';
import { lockTree } from '../../src/probes/lock-tree.ts';
import { tableHealth } from '../../src/probes/table-health.ts';
import { type OpenTargets, openTargets } from '../../src/targets/targets.ts';
import { mitigationContext } from '../helpers/look-at.ts';
import { createPayments, lendOwnership, ownedService } from '../helpers/owner-scene.ts';
import { createTestDatabase, type TestDatabase, type TestSession } from '../helpers/test-database.ts';
import { startPostgres15 } from './postgres-15.ts';

// The one vacuum that never gives way. It is a real one: the table's transaction ids are used up as far as its own limit
// allows, and the vacuum is slowed down so much that it lasts as long as the tests.

const postgres = await startPostgres15();
afterAll(() => postgres.stop());

let database: TestDatabase;
let targets: OpenTargets;
let context: MitigationContext;
let care: CareTarget;
let vacuum: { pid: number; since: string };
/** A schema change that waits for the vacuum. */
let change: { session: TestSession; ended: Promise<string> };

beforeAll(async () => {
  database = await createTestDatabase(postgres.url);
  await lendOwnership(database);
  await createPayments(database, 20_000);
  // 100000 is the lowest limit that PostgreSQL knows; a page costs 0.1 s.
  await database.query(`alter table payments set (autovacuum_enabled = false, autovacuum_freeze_max_age = 100000,
    autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1)`);
  await database.query(
    'do $$ begin for i in 1..110000 loop perform txid_current(); commit; end loop; end $$',
  );
  await database.query("alter system set autovacuum_naptime = '1s'");
  await database.query('select pg_reload_conf()');
  vacuum = await vi.waitFor(
    async () => {
      const { rows } = await database.query<typeof vacuum>(
        `select a.pid, a.backend_start::text as since from pg_stat_activity a join pg_stat_progress_vacuum p using (pid)
        where a.backend_type = 'autovacuum worker' and p.relid = 'payments'::regclass`,
      );
      if (!rows[0]) throw new Error('autovacuum has not begun yet');
      return rows[0];
    },
    { timeout: 40_000, interval: 200 },
  );
}, 60_000);
afterAll(async () => {
  await database.query('select pg_cancel_backend($1)', [change.session.pid]);
  expect(await change.ended).toBe('57014');
  await database.query('alter system set autovacuum = off');
  await database.query('select pg_reload_conf()');
  await database.query('select pg_terminate_backend($1)', [vacuum.pid]);
  await database.close();
});
beforeEach(() => {
  const service = ownedService(database);
  targets = openTargets(service);
  context = mitigationContext(service, targets);
});
afterEach(() => targets.close());

const worksOn = async () => {
  const { rowCount } = await database.query(
    'select from pg_stat_activity where pid = $1 and backend_start::text = $2',
    [vacuum.pid, vacuum.since],
  );
  return rowCount === 1;
};

test('table-health sees it, and on which table', async () => {
  const report = await tableHealth.run({ ...context, windowMs: 1 });
  expect(report.workers).toMatchObject([
    { pid: vacuum.pid, table: 'public.payments', manual: false, preventsWraparound: true },
  ]);
  care = CareTarget.parse(report.tables.find(({ table }) => table === 'payments'));
});

test('a vacuum, an analysis and an index of that table are refused, and say why', async () => {
  const reason = expect.stringMatching(
    new RegExp(`^autovacuum \\(pid ${vacuum.pid}\\) works on public\\.payments against wraparound`),
  );
  const index = {
    ...care,
    name: 'lb_payments_account',
    columns: [{ name: 'account_id', descending: false }],
  };
  expect(await vacuumAnalyze.look(care, context)).toEqual({ state: 'changed', reason });
  expect(await vacuumAnalyze.execute(care, context)).toEqual({ effect: 'target-changed', reason });
  expect(await analyze.execute(care, context)).toEqual({ effect: 'target-changed', reason });
  expect(await createIndex.execute(index, context)).toMatchObject({
    effect: 'target-changed',
    reason: expect.stringContaining(String(vacuum.pid)),
  });
  expect(await worksOn()).toBe(true);
});

test('a schema change waits for it; it is named as the one in the way, and cannot be ended', async () => {
  const session = await database.openSession('migrate');
  const ended = session.query('alter table payments add column paid_at timestamptz').then(
    () => 'it did not wait',
    (error: { code: string }) => error.code,
  );
  change = { session, ended };
  // An ordinary autovacuum would step aside after deadlock_timeout, 1 s.
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  const report = await lockTree.run({ ...context, windowMs: 300 });
  expect(report.roots).toMatchObject([
    { pid: vacuum.pid, class: 'wraparound-vacuum', waiters: [session.pid] },
  ]);
  const node = report.nodes.find(({ pid }) => pid === vacuum.pid);
  const target: BackendTarget = backendTarget(node ?? expect.fail('the vacuum is no node of the tree'));
  expect(await terminateBackend.execute(target, context)).toEqual({
    effect: 'target-changed',
    reason: expect.stringContaining('it is not a client (autovacuum worker)'),
  });
  expect(await worksOn()).toBe(true);
});
