import { createServer } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { pgbouncer } from '../../src/probes/pgbouncer.ts';
import { openPgBouncer } from '../../src/targets/pgbouncer.ts';
import { reportOf, withTargets } from '../helpers/run.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/test-database.ts';
import { testService } from '../helpers/test-service.ts';
import { type PgBouncerServer, startPgBouncer } from './pgbouncer.ts';

let database: TestDatabase;
let server: PgBouncerServer;
beforeAll(async () => {
  database = await createTestDatabase();
  server = await startPgBouncer(database.appUrl, { default_pool_size: 4, query_wait_timeout: 20 });
});
afterAll(async () => {
  await server.stop();
  await database.close();
});

const look = (url = server.statsUrl, windowMs = 1_000) => {
  const service = testService({ targets: { pgbouncer: { url, timeout: 800 } } });
  return withTargets(service, (targets) => reportOf(pgbouncer, service, targets, windowMs));
};
const target = (url = server.statsUrl, timeout = 800) => openPgBouncer({ url, timeout });
const signal = () => AbortSignal.timeout(10_000);

async function withClients(n: number, work: (clients: pg.Client[]) => Promise<void>): Promise<void> {
  const opened = Array.from(
    { length: n },
    () => new pg.Client({ connectionString: server.url, application_name: 'gunicorn' }),
  );
  await Promise.all(opened.map((client) => client.connect()));
  await work(opened).finally(() => Promise.all(opened.map((client) => client.end())));
}

/** Waits until so many servers of the pool are in this state. */
const servers = (n: number, state: string) =>
  vi.waitFor(async () => {
    const { rows } = await database.query(
      'select 1 from pg_stat_activity where usename = $1 and state = $2',
      [database.appRole, state],
    );
    expect(rows).toHaveLength(n);
  });

test('a starved pool: who waits, for how long, and how many servers there are to share', () =>
  withClients(8, async (opened) => {
    const busy = Promise.all(opened.map((client) => client.query('select pg_sleep(2)')));
    await servers(4, 'active');
    const begin = performance.now();
    const report = await look();
    expect(performance.now() - begin).toBeLessThan(2_500);
    expect(report.pools[0]).toMatchObject({
      ...{ database: database.name, user: database.appRole, poolMode: 'transaction', poolSize: 4 },
      ...{ serversActive: 4, serversIdle: 0, maxWaiting: 4, samplesWaiting: report.samples },
    });
    expect(report).toMatchObject({ averageWaiting: 4, maxWaiting: 4, notSeen: [] });
    expect(report.pools[0]?.longestWaitMs).toBeGreaterThan(700);
    expect(report.settings).toMatchObject({
      ...{ defaultPoolSize: 4, queryWaitTimeoutS: 20, poolMode: 'transaction' },
    });
    expect(report.clientGroups).toContainEqual(
      expect.objectContaining({ application: 'gunicorn', state: 'waiting', count: 4 }),
    );
    expect(report.version).toMatch(/^1\.\d+/);
    await busy;
  }));

test('a pool that is large enough: traffic, and nobody waits', () =>
  withClients(3, async (opened) => {
    let stop = false;
    const traffic = opened.map(async (client) => {
      while (!stop) await client.query('select pg_sleep(0.02)');
    });
    const report = await look().finally(() => {
      stop = true;
    });
    await Promise.all(traffic);
    expect(report).toMatchObject({ averageWaiting: 0, maxWaiting: 0 });
    const [seen] = report.traffic;
    expect(seen?.database).toBe(database.name);
    expect(seen?.queryPerSecond).toBeGreaterThan(20);
    expect(seen?.averageQueryMs).toBeGreaterThan(19);
    expect(seen?.averageInQuery).toBeGreaterThan(1);
    expect(seen?.waitMsPerSecond).toBeLessThan(100);
    expect(report.databases).toContainEqual(
      expect.objectContaining({ name: database.name, paused: false, disabled: false, poolSize: 4 }),
    );
    expect(report.pools.map((pool) => pool.database)).not.toContain('pgbouncer');
  }));

test('clients that wait and are served: the time they waited', () =>
  withClients(8, async (opened) => {
    let stop = false;
    const traffic = opened.map(async (client) => {
      while (!stop) await client.query('select pg_sleep(0.05)');
    });
    const report = await look().finally(() => {
      stop = true;
    });
    await Promise.all(traffic);
    // 8 clients share 4 servers: half of the time of each is waiting.
    expect(report.traffic[0]?.waitMsPerSecond).toBeGreaterThan(2_000);
    expect(report.averageWaiting).toBeGreaterThan(1);
  }));

test('clients that hold their server in a transaction without using it', () =>
  withClients(2, async (opened) => {
    await Promise.all(opened.map((client) => client.query('begin')));
    await servers(2, 'idle in transaction');
    const report = await look();
    expect(report.pools[0]).toMatchObject({ serversActive: 2, averageServersActive: 2, averageWaiting: 0 });
  }));

test('a paused and a disabled database are told', async () => {
  await server.admin(`PAUSE ${database.name}`);
  await server.admin(`DISABLE ${database.name}`);
  const report = await look(server.statsUrl, 200);
  await server.admin(`ENABLE ${database.name}`);
  await server.admin(`RESUME ${database.name}`);
  expect(report.databases[0]).toMatchObject({ name: database.name, paused: true, disabled: true });
});

test('clients that wait under a PAUSE of everything are held back', () =>
  withClients(2, async (opened) => {
    await server.admin('PAUSE');
    const held = opened.map((client) => client.query('select 1'));
    const report = await look(server.statsUrl, 300).finally(() => server.admin('RESUME'));
    await Promise.all(held);
    expect(report.pools[0]).toMatchObject({ heldBack: true });
    // 1.18 shows it nowhere else.
    if (report.version === '1.18.0') {
      expect(report).toMatchObject({ everyDatabasePaused: null });
      expect(report.databases[0]).toMatchObject({ paused: false });
    } else expect(report).toMatchObject({ everyDatabasePaused: true });
  }));

test('a role outside stats_users is told what to do', async () => {
  const url = server.statsUrl.replace('latency_probe', 'nobody_special');
  await expect(look(url)).rejects.toThrow(/add nobody_special to stats_users/);
  const one = target(url);
  const [examined] = await one.examine(signal());
  await one.close();
  expect(examined).toMatchObject({ id: 'pgbouncer:reachable', met: false });
  expect(examined?.remedy).toContain('stats_users');
});

test('the examination names the version', async () => {
  const one = target();
  expect(await one.examine(signal())).toEqual([
    { id: 'pgbouncer:reachable', met: true, words: expect.stringMatching(/PgBouncer 1\./), remedy: null },
    expect.objectContaining({ id: 'pgbouncer:act', met: false }),
  ]);
  await one.close();
});

test('PostgreSQL itself, or a pool, is not the console', async () => {
  await expect(look(database.probeUrl)).rejects.toThrow(/not the admin console/);
  await expect(look(server.url)).rejects.toThrow(/not the admin console/);
});

test('nothing listens: the time is not wasted', async () => {
  const begin = performance.now();
  await expect(look('postgres://latency_probe@127.0.0.1:1/pgbouncer')).rejects.toThrow(
    /is PgBouncer running/,
  );
  expect(performance.now() - begin).toBeLessThan(1_000);
});

test('a stopped PgBouncer costs the time limit, and is asked again when it goes on', async () => {
  const one = target();
  await one.show('VERSION', signal());
  server.signal('SIGSTOP');
  const begin = performance.now();
  await expect(one.show('POOLS', signal())).rejects.toMatchObject({ code: 'target-timeout' });
  expect(performance.now() - begin).toBeLessThan(1_500);
  server.signal('SIGCONT');
  expect((await one.show('LISTS', signal())).length).toBeGreaterThan(5);
  await one.close();
});

test('one that accepts and never answers costs the time limit; an abort costs nothing', async () => {
  const silent = createServer().listen(0, '127.0.0.1');
  await vi.waitFor(() => expect(silent.address()).not.toBeNull());
  const address = silent.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const one = target(`postgres://latency_probe@127.0.0.1:${port}/pgbouncer`, 300);
  await expect(one.show('POOLS', signal())).rejects.toMatchObject({ code: 'target-timeout' });
  await one.close();
  silent.close();
});

test('a console that PgBouncer closes is opened again', async () => {
  const other = await startPgBouncer(database.appUrl);
  const one = target(other.statsUrl);
  await one.show('POOLS', signal());
  await other.stop();
  await expect(one.show('POOLS', signal())).rejects.toMatchObject({ code: 'target-unreachable' });
  await one.close();
});
