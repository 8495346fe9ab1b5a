import { expect, test } from 'vitest';
import { type PostgresServerReport, postgresServer } from '../../src/probes/postgres-server.ts';
import { reportOf, withTargets } from '../helpers/run.ts';
import { type TestDatabase, withTestDatabase } from '../helpers/test-database.ts';
import { serviceOn } from '../helpers/test-service.ts';

async function look(
  database: TestDatabase,
  meanwhile: () => Promise<unknown> = () => Promise.resolve(),
): Promise<PostgresServerReport> {
  const service = serviceOn(database);
  return withTargets(service, async (targets) => {
    const report = reportOf(postgresServer, service, targets, 1_200);
    // The first read is over once the probe measures its round trips.
    const { rows } = await database.query<{ first: string }>('select clock_timestamp()::text as first');
    await expect
      .poll(
        async () => {
          const seen = await database.query(
            "select 1 from pg_stat_activity where application_name = 'latency-bot:postgres-server' and datname = current_database() and query_start > $1 and query = 'rollback'",
            [rows[0]?.first],
          );
          return seen.rowCount;
        },
        { timeout: 5_000, interval: 20 },
      )
      .toBe(1);
    await meanwhile();
    return report;
  });
}

test('a quiet server did nothing, and says how fast it answers', () =>
  withTestDatabase(async (database) => {
    const report = await look(database);
    expect(report.activity).toMatchObject({
      reset: [],
      database: { tempFiles: 0, deadlocks: 0, sessionsKilled: 0, readMs: null },
    });
    expect(report.activity.windowMs).toBeGreaterThan(1_000);
    expect(report).toMatchObject({ inRecovery: false, versionNumber: expect.any(Number), backups: [] });
    expect(report.version).toMatch(/^\d+(\.\d+)?$/);
    expect(report.uptimeMs).toBeGreaterThan(0);
    expect(report.roundTrip.samples).toBe(5);
    expect(report.roundTrip.p50Ms).toBeGreaterThan(0);
    expect(report.roundTrip.maxMs).toBeGreaterThanOrEqual(report.roundTrip.p50Ms);
    expect(report.settings).toContainEqual(
      expect.objectContaining({ name: 'max_connections', setting: '100', pendingRestart: false }),
    );
    expect(report.notSeen.map(({ what }) => what)).toContain('time spent reading and writing blocks');
  }));

test('a checkpoint that somebody asked for, temporary files, rollbacks and new sessions are counted', () =>
  withTestDatabase(async (database) => {
    const report = await look(database, async () => {
      const app = await database.openSession('gunicorn');
      await app.query("set work_mem = '64kB'");
      await app.query(
        'select count(*) from (select i from generate_series(1, 200000) i order by -i offset 0) x',
      );
      await app.query('begin; select 1; rollback');
      await app.query('create table t as select i from generate_series(1, 20000) i');
      await app.query('select pg_stat_force_next_flush()');
      await app.end();
      await database.query('checkpoint');
    });
    const { checkpoints, wal, database: counted } = report.activity;
    expect(checkpoints.requested).toBeGreaterThanOrEqual(1);
    expect(checkpoints.buffersWritten).toBeGreaterThan(0);
    expect(wal.bytes).toBeGreaterThan(100_000);
    expect(counted.tempFiles).toBeGreaterThanOrEqual(1);
    expect(counted.tempBytes).toBeGreaterThan(1e6);
    expect(counted.rollbacks).toBeGreaterThanOrEqual(1);
    expect(counted.sessions).toBeGreaterThanOrEqual(1);
    expect(report.activity.io?.some(({ backendType }) => backendType === 'checkpointer')).toBe(true);
  }));

test('a slot that nobody uses is told with the WAL that it keeps', () =>
  withTestDatabase(async (database) => {
    const name = `${database.name}_slot`;
    await database.query('select pg_create_physical_replication_slot($1, true)', [name]);
    await database.query('create table t as select i from generate_series(1, 50000) i');
    const report = await look(database);
    await database.query('select pg_drop_replication_slot($1)', [name]);
    const slot = report.slots.find((one) => one.name === name);
    expect(slot).toMatchObject({ type: 'physical', active: false });
    expect(slot?.retainedBytes).toBeGreaterThan(1e6);
    expect((await look(database)).slots.map((one) => one.name)).not.toContain(name);
  }));

test('a reset within the window is told, and what it hid is not called zero', () =>
  withTestDatabase(async (database) => {
    const report = await look(database, () => database.query('select pg_stat_reset()'));
    expect(report.activity.reset).toEqual(['database']);
    expect(report.activity.database.commits).toBeNull();
    expect(report.activity.checkpoints.requested).not.toBeNull();
  }));

/** Sorts more than its memory holds, again and again, until it is cancelled. */
const SORT_FOR_LONG = `select count(*) from generate_series(1, 1000) n,
  lateral (select i from generate_series(1, 300000) i order by -i - n offset 0) sorted`;

test('a sort on disk that still runs is told with its process, which no counter knows yet', () =>
  withTestDatabase(async (database) => {
    const analyst = await database.openSession('analyst');
    const { rows } = await analyst.query<{ pid: number }>('select pg_backend_pid() as pid');
    await analyst.query("set work_mem = '64kB'");
    const sorting = analyst.query(SORT_FOR_LONG).catch((error: Error) => error.message);
    const report = await look(database);
    await database.query('select pg_cancel_backend($1)', [rows[0]?.pid]);
    expect(await sorting).toMatch(/canceling statement/);
    expect(report.temporaryFiles).toContainEqual(expect.objectContaining({ pid: rows[0]?.pid }));
    const own = report.temporaryFiles?.find(({ pid }) => pid === rows[0]?.pid);
    expect(own?.files).toBeGreaterThanOrEqual(1);
    expect(own?.grownBytes).toBeGreaterThan(100_000);
    expect(report.activity.database).toMatchObject({ tempFiles: 0, tempBytes: 0 });
    expect(report.notSeen.map(({ what }) => what)).not.toContain(
      'temporary files of statements that still run',
    );
  }));

test('a role that may not list temporary files says what to grant, and everything else is told', () =>
  withTestDatabase(async (database) => {
    const { rows } = await database.query<{ role: string }>(
      "select rolname as role from pg_roles where rolname = replace($1, 'app_', 'probe_')",
      [database.appRole],
    );
    await database.query(
      `revoke pg_monitor from ${rows[0]?.role}; grant pg_read_all_stats to ${rows[0]?.role}`,
    );
    const report = await look(database);
    expect(report.temporaryFiles).toBeNull();
    expect(report.notSeen).toContainEqual({
      what: 'temporary files of statements that still run',
      reason: 'permission denied for pg_ls_tmpdir',
      remedy: 'grant pg_monitor to the role of the probes',
    });
    expect(report.activity.windowMs).toBeGreaterThan(1_000);
  }));
