import { createServer } from 'node:net';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openPostgres, type PostgresTarget } from '../../src/targets/postgres.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/test-database.ts';
import { takeAllSlots, withTinyPostgres } from '../helpers/tiny-postgres.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

const signal = () => AbortSignal.timeout(10_000);

async function withTarget(
  work: (target: PostgresTarget) => Promise<void>,
  config: { url?: (db: TestDatabase) => string; actionUrl?: (db: TestDatabase) => string } = {},
): Promise<void> {
  const target = openPostgres({
    url: config.url?.(database) ?? database.probeUrl,
    applicationRoles: [],
    suspects: {},
    ...(config.actionUrl && { actionUrl: config.actionUrl(database) }),
  });
  await work(target).finally(() => target.close());
}

test('a probe says its name, cannot write, and its statements are limited', () =>
  withTarget(async (target) => {
    const [row] = await target.query({
      probe: 'lock-tree',
      sql: `select current_setting('application_name') as name, current_setting('statement_timeout') as statement,
              current_setting('lock_timeout') as lock, current_setting('transaction_read_only') as "readOnly"`,
      signal: signal(),
    });
    expect(row).toEqual({ name: 'latency-bot:lock-tree', statement: '2s', lock: '200ms', readOnly: 'on' });
    await expect(
      target.query({ probe: 'x', sql: 'create table t (i int)', signal: signal() }),
    ).rejects.toMatchObject({ code: 'target-protocol', userMessage: expect.stringContaining('25006') });
    await expect(
      target.query({ probe: 'x', sql: 'select pg_sleep(5)', signal: signal() }),
    ).rejects.toMatchObject({
      code: 'target-timeout',
    });
  }));

test('functions of the application are not found by their bare names, neither looking nor acting', () =>
  withTarget(
    async (target) => {
      const sql = "select current_setting('search_path') as path";
      expect(await target.query({ probe: 'x', sql, signal: signal() })).toEqual([{ path: 'pg_catalog' }]);
      expect(await target.act({ sql, signal: signal() })).toEqual([{ path: 'pg_catalog' }]);
    },
    { actionUrl: (db) => db.actionUrl },
  ));

test('settings in the URL do not weaken the limits', () =>
  withTarget(
    async (target) => {
      const [row] = await target.query({
        probe: 'x',
        sql: "select current_setting('transaction_read_only') as r, current_setting('statement_timeout') as s",
        signal: signal(),
      });
      expect(row).toEqual({ r: 'on', s: '2s' });
    },
    { url: (db) => `${db.probeUrl}?options=-c%20default_transaction_read_only%3Doff&statement_timeout=0` },
  ));

test('a second statement behind a semicolon is refused', () =>
  withTarget(async (target) => {
    await expect(
      target.query({ probe: 'x', sql: 'select 1; select 2', signal: signal() }),
    ).rejects.toMatchObject({
      code: 'target-protocol',
    });
  }));

test('a session is one read-only transaction that leaves nothing behind, also when it fails', () =>
  withTarget(async (target) => {
    const ask = { probe: 'explain', signal: signal() };
    const path = await target.session(ask, async (query) => {
      await query("select set_config('search_path', 'public', true)");
      const [row] = await query<{ path: string }>("select current_setting('search_path') as path");
      await expect(query('create table t (i int)')).rejects.toMatchObject({
        userMessage: expect.stringContaining('25006'),
      });
      return row?.path;
    });
    expect(path).toBe('public');
    const broken = target.session(ask, (query) => query('select 1 from nowhere'));
    await expect(broken).rejects.toMatchObject({ code: 'target-protocol' });
    const two = target.session(ask, (query) => query('select 1; select 2'));
    await expect(two).rejects.toMatchObject({ code: 'target-protocol' });
    expect(
      await target.query({
        probe: 'x',
        sql: "select current_setting('search_path') as path",
        signal: signal(),
      }),
    ).toEqual([{ path: 'pg_catalog' }]);
    const { rowCount } = await database.query(
      "select 1 from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'",
    );
    expect(rowCount).toBe(0);
  }));

test('never more than two connections, however many ask; one stays', () =>
  withTarget(async (target) => {
    const mine =
      "select count(*)::int as n from pg_stat_activity where datname = current_database() and application_name like 'latency-bot%'";
    const counts = await Promise.all(
      Array.from({ length: 12 }, () =>
        target.query<{ n: number }>({
          probe: 'x',
          sql: `${mine} and pg_sleep(0.02) is not null`,
          signal: signal(),
        }),
      ),
    );
    expect(Math.max(...counts.map(([row]) => row?.n ?? 0))).toBeLessThanOrEqual(2);
    const { rows } = await database.query(mine);
    expect(rows[0].n).toBeGreaterThanOrEqual(1);
  }));

test('a role without pg_read_all_stats is told so, and sees nothing rather than "nothing there"', () =>
  withTarget(
    async (target) => {
      await expect(target.query({ probe: 'x', sql: 'select 1', signal: signal() })).rejects.toMatchObject({
        code: 'target-permission',
        userMessage: `permission denied: grant pg_monitor to ${database.appRole}`,
      });
    },
    { url: (db) => db.appUrl },
  ));

test('an abort ends the wait at once, and the next question gets a new connection', () =>
  withTarget(async (target) => {
    const begin = performance.now();
    await expect(
      target.query({ probe: 'x', sql: 'select pg_sleep(2)', signal: AbortSignal.timeout(100) }),
    ).rejects.toMatchObject({ code: 'target-timeout' });
    expect(performance.now() - begin).toBeLessThan(1_000);
    expect(await target.query({ probe: 'x', sql: 'select 1 as one', signal: signal() })).toEqual([
      { one: 1 },
    ]);
  }));

test('a session that the server ended is replaced', () =>
  withTarget(async (target) => {
    await target.query({ probe: 'x', sql: 'select 1', signal: signal() });
    await database.query(
      "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = current_database() and application_name like 'latency-bot%'",
    );
    await vi.waitFor(async () => {
      expect(await target.query({ probe: 'x', sql: 'select 1 as one', signal: signal() })).toEqual([
        { one: 1 },
      ]);
    });
  }));

test('what is wrong with the address is said without the address', async () => {
  const told = async (url: string) => {
    const target = openPostgres({ url, applicationRoles: [], suspects: {} });
    const error = await target
      .query({ probe: 'x', sql: 'select 1', signal: signal() })
      .catch((e: unknown) => e);
    await target.close();
    return error as { code: string; userMessage: string };
  };
  expect(await told('postgres://u:topsecret@127.0.0.1:1/db')).toMatchObject({ code: 'target-unreachable' });
  const wrongPassword = database.probeUrl.replace(':test@', ':topsecret@');
  const denied = await told(wrongPassword);
  expect(denied.code).toBe('target-permission');
  expect(denied.userMessage).not.toContain('topsecret');
});

test('a server that accepts and says nothing costs its time limit', async () => {
  const silent = createServer((socket) => socket.resume());
  await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done));
  const address = silent.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const target = openPostgres({
    url: `postgres://u:p@127.0.0.1:${port}/db`,
    applicationRoles: [],
    suspects: {},
  });
  await expect(
    target.query({ probe: 'x', sql: 'select 1', signal: AbortSignal.timeout(300) }),
  ).rejects.toMatchObject({ code: 'target-timeout' });
  await target.close();
  await new Promise((done) => silent.close(done));
});

test('an act runs on a session of its own that is closed after it', () =>
  withTarget(
    async (target) => {
      const [row] = await target.act({
        sql: `select current_setting('application_name') as name, current_setting('transaction_read_only') as "readOnly",
                current_setting('statement_timeout') as statement`,
        signal: signal(),
      });
      expect(row).toEqual({ name: 'latency-bot:act', readOnly: 'off', statement: '10s' });
      await vi.waitFor(async () => {
        const { rowCount } = await database.query(
          "select 1 from pg_stat_activity where application_name = 'latency-bot:act' and datname = current_database()",
        );
        expect(rowCount).toBe(0);
      });
    },
    { actionUrl: (db) => db.actionUrl },
  ));

test('without an action URL nothing can be done', () =>
  withTarget(async (target) => {
    expect(target.canAct).toBe(false);
    await expect(target.act({ sql: 'select 1', signal: signal() })).rejects.toMatchObject({
      code: 'not-configured',
    });
  }));

test('when the slots run out the session that stayed is the way in; without one that is the finding', () =>
  withTinyPostgres({ max_connections: 6, superuser_reserved_connections: 1 }, async (url) => {
    const warm = openPostgres({ url, applicationRoles: [], suspects: {} });
    await warm.query({ probe: 'x', sql: 'select 1', signal: signal() });
    await takeAllSlots(url);
    const rows = await Promise.all(
      [1, 2, 3].map(() => warm.query({ probe: 'x', sql: 'select 1 as one', signal: signal() })),
    );
    expect(rows).toEqual([[{ one: 1 }], [{ one: 1 }], [{ one: 1 }]]);
    const late = openPostgres({ url, applicationRoles: [], suspects: {} });
    await expect(late.query({ probe: 'x', sql: 'select 1', signal: signal() })).rejects.toMatchObject({
      code: 'target-full',
    });
    await warm.close();
    await late.close();
  }));

test("the probe role's own limit is not taken for a full server", async () => {
  const role = new URL(database.probeUrl).username;
  await database.query(`alter role ${role} connection limit 0`);
  await withTarget(async (target) => {
    await expect(target.query({ probe: 'x', sql: 'select 1', signal: signal() })).rejects.toMatchObject({
      code: 'target-permission',
      userMessage: expect.stringContaining(`alter role ${role} connection limit`),
    });
  });
  await database.query(`alter role ${role} connection limit -1`);
});

test('open() keeps one session, and brings it back when it is lost', async () => {
  const target = openPostgres({ url: database.probeUrl, applicationRoles: [], suspects: {} });
  target.open();
  const warmPid = async () => {
    const { rows } = await database.query<{ pid: number }>(
      "select pid from pg_stat_activity where application_name = 'latency-bot:warm' and datname = current_database()",
    );
    expect(rows).toHaveLength(1);
    return rows[0]?.pid;
  };
  const first = await vi.waitFor(warmPid, 5_000);
  await database.query('select pg_terminate_backend($1, 5000)', [first]);
  const second = await vi.waitFor(warmPid, 5_000);
  expect(second).not.toBe(first);
  await target.close();
});
