import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { activeQueries } from '../../src/probes/active-queries.ts';
import { createAccounts, holdRow, waitForRow } from '../helpers/lock-scene.ts';
import { reportOf, withTargets } from '../helpers/run.ts';
import { type TestDatabase, withTestDatabase } from '../helpers/test-database.ts';
import { serviceOn } from '../helpers/test-service.ts';

const look = (database: TestDatabase, overrides = {}) => {
  const service = serviceOn(database, overrides);
  return withTargets(service, (targets) => reportOf(activeQueries, service, targets, 600));
};

// Three small sets: one large one would be written to disk.
const BURN = `select count(*) from generate_series(1, 2000) a, generate_series(1, 2000) b, generate_series(1, 2000) c
  where random() < 0`;

async function burning(database: TestDatabase, pid: number): Promise<void> {
  await vi.waitFor(async () => {
    const { rows } = await database.query('select state from pg_stat_activity where pid = $1', [pid]);
    expect(rows[0].state).toBe('active');
  }, 5_000);
}

test('counts who is busy with what, by role of the application and by all', () =>
  withTestDatabase(async (database) => {
    await createAccounts(database);
    await holdRow(database);
    await waitForRow(database, 2);
    const hog = await database.openSession('analytics', 'superuser');
    const running = hog.query(BURN).catch(() => undefined);
    await burning(database, hog.pid);
    const report = await look(database);
    expect(report.samples).toBeGreaterThanOrEqual(2);
    expect(report.applicationActive).toBeCloseTo(2);
    expect(report.totalActive).toBeGreaterThanOrEqual(2.5);
    const locks = report.activity.filter(({ waitType }) => waitType === 'Lock');
    expect(locks.reduce((sum, row) => sum + row.averageActive, 0)).toBeCloseTo(2);
    expect(report.activity.find(({ application }) => application === 'analytics')).toMatchObject({
      waitType: 'CPU',
    });
    await database.query('select pg_cancel_backend($1)', [hog.pid]);
    await running;
  }));

test('shows busy and idle-in-transaction sessions without their literals, those that wait for a lock last', () =>
  withTestDatabase(async (database) => {
    await createAccounts(database);
    const holder = await holdRow(database);
    const { waiters } = await waitForRow(database, 1);
    const hog = await database.openSession('analytics');
    const running = hog.query("select 'Schmidt', pg_sleep(60)").catch(() => undefined);
    await burning(database, hog.pid);
    const { sessions, leftOut } = await look(database);
    expect(sessions.map(({ pid }) => pid)).toEqual([holder.pid, hog.pid, waiters[0]?.pid]);
    expect(sessions[1]).toMatchObject({ state: 'active', averageActive: 1, role: database.appRole });
    expect(JSON.stringify(sessions)).not.toContain('Schmidt');
    expect(leftOut).toBe(0);
    await database.query('select pg_cancel_backend($1)', [hog.pid]);
    await running;
  }));

test('parallel workers count for their leader', () =>
  withTestDatabase(async (database) => {
    const leader = await database.openSession('analytics');
    await leader.query(
      'create table big as select g as id, md5(g::text) as pad from generate_series(1, 200000) g',
    );
    await leader.query('analyze big');
    await leader.query(
      'set max_parallel_workers_per_gather = 2; set parallel_setup_cost = 0; set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0',
    );
    const running = leader
      .query('select count(*) from big a join big b on md5(a.pad || b.pad) < a.pad where a.id < 3000')
      .catch(() => undefined);
    await burning(database, leader.pid);
    await vi.waitFor(async () => {
      const { rowCount } = await database.query('select 1 from pg_stat_activity where leader_pid = $1', [
        leader.pid,
      ]);
      expect(rowCount).toBeGreaterThan(0);
    }, 5_000);
    const report = await look(database);
    const session = report.sessions.find(({ pid }) => pid === leader.pid);
    expect(session?.averageActive).toBeGreaterThan(1.5);
    expect(report.applicationActive).toBeLessThanOrEqual(1);
    await database.query('select pg_cancel_backend($1)', [leader.pid]);
    await running;
  }));

test('every role counts when none is configured', () =>
  withTestDatabase(async (database) => {
    const hog = await database.openSession('psql', 'superuser');
    const running = hog.query('select pg_sleep(60)').catch(() => undefined);
    await burning(database, hog.pid);
    const postgres = { url: database.probeUrl };
    expect((await look(database, { targets: { postgres } })).applicationActive).toBeCloseTo(1);
    expect((await look(database)).applicationActive).toBe(0);
    await database.query('select pg_cancel_backend($1)', [hog.pid]);
    await running;
  }));

test('a server that takes long for its first answer is sampled for the rest of the window', () =>
  withTestDatabase(async (database) => {
    const service = serviceOn(database);
    await withTargets(service, async (targets) => {
      const { postgres } = targets;
      if (!postgres) throw new Error('no PostgreSQL');
      let asked = 0;
      const slow: typeof postgres = {
        ...postgres,
        async query(ask) {
          asked += 1;
          if (asked === 1) await sleep(950);
          return postgres.query(ask);
        },
      };
      // The limit of the samples, 700 ms after the window, falls between two of them.
      const report = await reportOf(activeQueries, service, { ...targets, postgres: slow }, 600);
      expect(report.samples).toBe(2);
    });
  }));
