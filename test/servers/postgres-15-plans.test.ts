import { afterAll, describe, expect, test, vi } from 'vitest';
import { explain } from '../../src/probes/explain.ts';
import { postgresServer } from '../../src/probes/postgres-server.ts';
import { openPostgres } from '../../src/targets/postgres.ts';
import { reportOf, withTargets } from '../helpers/run.ts';
import { createTestDatabase, withTestDatabase } from '../helpers/test-database.ts';
import { serviceOn } from '../helpers/test-service.ts';
import { startPostgres15 } from './postgres-15.ts';

// The tests of these probes run on the oldest server that the bot is used with; those below are about what differs there.
const server = vi.hoisted(() => ({ url: '' }));
vi.mock('../helpers/test-database.ts', async (importOriginal) => {
  const real = await importOriginal<typeof import('../helpers/test-database.ts')>();
  const createTestDatabase = () => real.createTestDatabase(server.url);
  const withTestDatabase: typeof real.withTestDatabase = async (work) => {
    const database = await createTestDatabase();
    try {
      await work(database);
    } catch (error) {
      await database.close().catch(() => undefined); // the first failure is the one to report
      throw error;
    }
    await database.close();
  };
  return { ...real, createTestDatabase, withTestDatabase };
});

const postgres = await startPostgres15();
server.url = postgres.url;
afterAll(() => postgres.stop());

test('hypopg tells what the index would bring, and leaves nothing behind', () =>
  withTestDatabase(async (database) => {
    await database.query(
      'create extension hypopg; create table big as select i as id, i % 20000 as k, md5(i::text) as pad from generate_series(1, 200000) i',
    );
    await database.query('select pg_stat_force_next_flush()');
    await database.query('analyze big');
    await database.query(`grant select on big to ${new URL(database.probeUrl).username}`);
    const suspects = { big: 'select * from big where k = $1', all: 'select count(*) from big' };
    const targets = { postgres: { url: database.probeUrl, suspects } };
    const service = serviceOn(database, { targets });
    const report = await withTargets(service, async (open) => {
      const first = await reportOf(explain, service, open);
      // A second look on the same connections sees the same plans: the hypothetical index is gone.
      const second = await reportOf(explain, service, open);
      expect(second.statements.map(({ plan }) => plan.shape)).toEqual(
        first.statements.map(({ plan }) => plan.shape),
      );
      return first;
    });
    expect(report.hypopg).toBe(true);
    const { index } = report.statements.find(({ name }) => name === 'big') ?? {};
    expect(index).toMatchObject({ sizeFrom: 'hypopg', whatIf: { used: true, worth: true } });
    expect(index?.whatIf?.costAfter).toBeLessThan((index?.whatIf?.costBefore ?? 0) / 10);
    expect(index?.estimatedBytes).toBeGreaterThan(1e6);
    expect(report.statements.find(({ name }) => name === 'all')?.index).toBeNull();
    // What hypopg foretold is what the index does.
    await database.query(index?.create ?? '');
    const { rows } = await database.query<{ bytes: string }>(
      'select pg_relation_size(indexrelid) as bytes from pg_index where indrelid = $1::regclass',
      ['big'],
    );
    expect(Number(rows[0]?.bytes) / (index?.estimatedBytes ?? 1)).toBeGreaterThan(0.2);
    expect(Number(rows[0]?.bytes) / (index?.estimatedBytes ?? 1)).toBeLessThan(2);
    const cured = await withTargets(service, (open) => reportOf(explain, service, open));
    expect(cured.statements.find(({ name }) => name === 'big')).toMatchObject({ index: null, problems: [] });
  }));

test('what version 15 does not count is said, and the checkpoints come from pg_stat_bgwriter', () =>
  withTestDatabase(async (database) => {
    const service = serviceOn(database);
    const report = await withTargets(service, async (targets) => {
      const looking = reportOf(postgresServer, service, targets, 1_000);
      await expect
        .poll(
          async () =>
            (
              await database.query(
                "select 1 from pg_stat_activity where application_name = 'latency-bot:postgres-server' and query = 'rollback'",
              )
            ).rowCount,
        )
        .toBe(1);
      await database.query('create table t as select 1');
      await database.query('checkpoint');
      return looking;
    });
    expect(report.version).toMatch(/^15\./);
    expect(report.activity.io).toBeNull();
    expect(report.notSeen.map(({ what }) => what)).toContain('I/O by kind of process');
    expect(report.activity.checkpoints.requested).toBeGreaterThanOrEqual(1);
    expect(report.activity.checkpoints.buffersBackend).not.toBeNull();
    expect(report.activity.wal.bytes).toBeGreaterThan(0);
  }));

test('examining it says what version 15 lacks, and that hypopg is created', async () => {
  const database = await createTestDatabase();
  await database.query('create extension hypopg');
  const target = openPostgres({ url: database.probeUrl, applicationRoles: [], suspects: {} });
  const found = await target.examine(AbortSignal.timeout(10_000));
  await target.close();
  await database.close();
  const of = (id: string) => found.find((one) => one.id === `postgres:${id}`);
  expect(of('reachable')?.words).toMatch(/^PostgreSQL 15\./);
  expect(of('reserved-slots')).toMatchObject({ met: false, remedy: null });
  expect(of('hypopg')).toMatchObject({ met: true });
});

describe('table-health', async () => {
  await import('../probes/table-health.test.ts');
});
