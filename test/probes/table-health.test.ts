import { expect, test } from 'vitest';
import { type TableHealthReport, tableHealth } from '../../src/probes/table-health.ts';
import { reportOf, withTargets } from '../helpers/run.ts';
import { type TestDatabase, withTestDatabase } from '../helpers/test-database.ts';
import { serviceOn } from '../helpers/test-service.ts';

function look(database: TestDatabase): Promise<TableHealthReport> {
  const service = serviceOn(database);
  return withTargets(service, (targets) => reportOf(tableHealth, service, targets));
}
const of = (report: TableHealthReport, name: string) => report.tables.find(({ table }) => table === name);

/** Counters of tables reach the views late, unless they are sent for. */
const SETTLE = 'select pg_stat_force_next_flush()';

test('dead rows, stale statistics and a switched-off autovacuum are found, with the thresholds of the table', () =>
  withTestDatabase(async (database) => {
    const app = await database.openSession('celery');
    await app.query(
      'create table bloated (id int primary key, n int) with (autovacuum_enabled = off, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0.1)',
    );
    await app.query('insert into bloated select i, 0 from generate_series(1, 50000) i');
    await app.query(SETTLE);
    await app.query('vacuum (analyze) bloated');
    await app.query('update bloated set n = n + 1');
    await app.query('create table calm as select i as id from generate_series(1, 50000) i');
    await app.query(SETTLE);
    await app.query('vacuum (analyze) calm');
    await app.query('create table unknown as select i as id from generate_series(1, 5000) i');
    await app.query(SETTLE);
    const report = await look(database);
    expect(of(report, 'bloated')).toMatchObject({
      rows: 50_000,
      deadRows: 50_000,
      vacuumAt: 500 + 0.1 * 50_000,
      analyzeAt: 50 + 0.1 * 50_000,
      autovacuum: false,
      lastVacuum: expect.any(String),
      findings: ['vacuum-due', 'bloated', 'analyze-due', 'autovacuum-off'],
    });
    expect(of(report, 'bloated')?.deadRatio).toBeCloseTo(0.5);
    expect(of(report, 'bloated')?.sinceVacuumMs).toBeLessThan(20_000);
    expect(of(report, 'calm')).toMatchObject({ findings: [], deadRows: 0 });
    expect(of(report, 'unknown')).toMatchObject({
      rows: null,
      lastAnalyze: null,
      findings: ['never-analyzed'],
    });
    expect(report.tables[0]?.table).toBe('bloated');
    expect(report.autovacuum).toMatchObject({ enabled: true, trackCounts: true, workersMax: 3 });
    expect(report.wraparound).toMatchObject({ freezeMaxAge: 200_000_000 });
    expect(report.invalidIndexes).toEqual([]);
    await app.end();
  }));

test('what keeps dead rows from being removed is named: an open snapshot, a prepared transaction, a slot', () =>
  withTestDatabase(async (database) => {
    await database.query('create table t (id int)');
    const reader = await database.openSession('report', 'superuser');
    await reader.query('begin isolation level repeatable read; select count(*) from t');
    const writer = await database.openSession('worker', 'superuser');
    await writer.query("begin; insert into t values (1); prepare transaction 'orphan'");
    const { holders } = await look(database);
    expect(holders).toContainEqual(
      expect.objectContaining({ kind: 'session', id: String(reader.pid), state: 'idle in transaction' }),
    );
    expect(holders).toContainEqual(expect.objectContaining({ kind: 'prepared', id: 'orphan' }));
    expect(holders.find(({ id }) => id === String(reader.pid))?.ageMs).toBeGreaterThan(0);
    await reader.query('rollback');
    await database.query("rollback prepared 'orphan'");
    const after = await look(database);
    expect(after.holders.map(({ id }) => id)).not.toContain(String(reader.pid));
  }));

test('an index whose build was cancelled is invalid; while it is built it is not called so', () =>
  withTestDatabase(async (database) => {
    const app = await database.openSession('migrate');
    await app.query('create table t as select i as id from generate_series(1, 1000) i');
    const reader = await database.openSession('report');
    await reader.query('begin; lock table t in row exclusive mode');
    const building = app.query('create index concurrently t_id_idx on t (id)').catch((error: Error) => error);
    await expect
      .poll(async () => (await look(database)).invalidIndexes, { timeout: 10_000 })
      .toEqual([{ schema: 'public', table: 't', index: 't_id_idx', beingBuilt: true }]);
    await database.query('select pg_cancel_backend($1)', [app.pid]);
    expect(await building).toBeInstanceOf(Error);
    await reader.query('rollback');
    expect((await look(database)).invalidIndexes).toEqual([
      { schema: 'public', table: 't', index: 't_id_idx', beingBuilt: false },
    ]);
  }));

test('a large index that nobody uses is named, unless it keeps values unique', () =>
  withTestDatabase(async (database) => {
    const app = await database.openSession('migrate');
    await app.query('create table t (id int primary key, a text)');
    await app.query('insert into t select i, repeat(md5(i::text), 6) from generate_series(1, 60000) i');
    await app.query('create index t_a on t (a); create unique index t_a_unique on t (a)');
    await app.query(SETTLE);
    await app.query('vacuum (analyze) t');
    const { unusedIndexes } = await look(database);
    expect(unusedIndexes).toEqual([
      { schema: 'public', table: 't', index: 't_a', bytes: expect.any(Number) },
    ]);
    expect(unusedIndexes[0]?.bytes).toBeGreaterThan(8e6);
  }));

test('a vacuum under way is seen with its table', () =>
  withTestDatabase(async (database) => {
    const app = await database.openSession('migrate');
    await app.query('create table t as select i as id from generate_series(1, 200000) i');
    await app.query('set vacuum_cost_delay = 50; set vacuum_cost_limit = 1');
    const vacuum = app.query('vacuum t').catch(() => undefined);
    await expect
      .poll(async () => (await look(database)).workers, { timeout: 10_000 })
      .toContainEqual(
        expect.objectContaining({
          ...{ pid: app.pid, table: 'public.t', manual: true, preventsWraparound: false },
          phase: 'scanning heap',
        }),
      );
    await database.query('select pg_cancel_backend($1)', [app.pid]);
    await vacuum;
  }));

test('thousands of tables cost no more than the limit shows, and are counted', () =>
  withTestDatabase(async (database) => {
    await database.query(
      `do $$ begin for i in 1..2000 loop execute format('create table t%s (id int)', i); end loop; end $$`,
    );
    const begin = performance.now();
    const report = await look(database);
    expect(performance.now() - begin).toBeLessThan(3_000);
    expect(report.tables).toHaveLength(20);
    expect(report.tablesLeftOut).toBe(1_980);
  }));
