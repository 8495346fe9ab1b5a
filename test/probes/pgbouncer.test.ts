import { expect, test } from 'vitest';
import { pgbouncerBlocks } from '../../src/blocks/reports/pgbouncer.ts';
import { pgbouncer } from '../../src/probes/pgbouncer.ts';
import { databasesOf, poolsOf, settingsOf, trafficBetween } from '../../src/probes/pgbouncer-rows.ts';
import type { Show } from '../../src/targets/pgbouncer.ts';
import type { ShowRow } from '../../src/targets/pgbouncer-console.ts';
import { reportOf } from '../helpers/run.ts';
import { testService } from '../helpers/test-service.ts';

// What the probe sees of a real PgBouncer is proven in test/servers/pgbouncer.test.ts; here: other versions, by the
// columns of https://www.pgbouncer.org/usage.html and its change log, and consoles larger than a test can build.

const pool = (over: ShowRow = {}): ShowRow => ({
  ...{
    database: 'debtflow',
    user: 'debtflow_api',
    cl_active: '8',
    cl_waiting: '3',
    sv_active: '4',
    sv_idle: '0',
  },
  ...{
    sv_used: '0',
    sv_tested: '0',
    sv_login: '0',
    maxwait: '1',
    maxwait_us: '250000',
    pool_mode: 'transaction',
  },
  ...over,
});
const stats = (over: ShowRow): ShowRow => ({
  ...{
    database: 'debtflow',
    total_xact_count: '0',
    total_query_count: '0',
    total_received: '0',
    total_sent: '0',
  },
  ...{ total_xact_time: '0', total_query_time: '0', total_wait_time: '0' },
  ...over,
});

test('columns that only older or newer versions have do not matter', () => {
  const old = pool({ cl_cancel_req: '0' });
  const newer = pool({ load_balance_hosts: '', sv_being_canceled: '0', cl_active_cancel_req: '0' });
  for (const rows of [[old], [newer]]) {
    expect(poolsOf(rows)).toEqual([
      expect.objectContaining({
        clientsWaiting: 3,
        serversActive: 4,
        maxWaitMs: 1_250,
        poolMode: 'transaction',
      }),
    ]);
  }
  expect(poolsOf([pool({ database: 'pgbouncer', user: 'pgbouncer' })])).toEqual([]);
  const database = { name: 'debtflow', pool_size: '20', max_connections: '0', paused: '0', disabled: '1' };
  expect(databasesOf([{ ...database, reserve_pool: '5' }])[0]).toMatchObject({
    ...{ reservePoolSize: 5, maxConnections: null, disabled: true, paused: false, currentConnections: null },
  });
  expect(databasesOf([{ ...database, reserve_pool_size: '6' }])[0]?.reservePoolSize).toBe(6);
});

test('settings of a version that does not have them are null, and nothing else of the configuration is kept', () => {
  const settings = settingsOf([
    { key: 'default_pool_size', value: '20' },
    { key: 'query_wait_timeout', value: '0' },
    { key: 'auth_query', value: 'SELECT usename, passwd FROM pg_shadow' },
  ]);
  expect(settings).toMatchObject({ defaultPoolSize: 20, queryWaitTimeoutS: 0, maxPreparedStatements: null });
  expect(JSON.stringify(settings)).not.toContain('pg_shadow');
});

test('counters become what happened in the window', () => {
  const [traffic] = trafficBetween(
    [stats({})],
    [
      stats({
        ...{ total_xact_count: '200', total_query_count: '400', total_xact_time: '8000000' },
        ...{
          total_query_time: '2000000',
          total_wait_time: '6000000',
          total_received: '2000',
          total_sent: '4000',
        },
      }),
    ],
    2_000,
  );
  expect(traffic).toEqual({
    ...{
      database: 'debtflow',
      totalQueryMicros: 2_000_000,
      xactPerSecond: 100,
      queryPerSecond: 200,
      averageXactMs: 40,
      averageQueryMs: 5,
    },
    ...{ averageInQuery: 1, averageIdleInTransaction: 3, waitMsPerSecond: 3_000 },
    ...{ receivedBytesPerSecond: 1_000, sentBytesPerSecond: 2_000 },
  });
  const backwards = trafficBetween([stats({ total_xact_count: '9' })], [stats({})], 2_000);
  expect(backwards).toEqual([]);
});

/** Looks at a console that answers with these rows. */
function lookAt(rows: Partial<Record<Show, ShowRow[]>>) {
  const asked: Show[] = [];
  const target = {
    show: (what: Show) => {
      asked.push(what);
      return Promise.resolve(rows[what] ?? []);
    },
    title: 'pgbouncer:6432',
    act: () => Promise.reject(new Error('a probe never acts')),
    examine: () => Promise.resolve([]),
    close: () => Promise.resolve(),
  };
  const service = testService();
  return reportOf(pgbouncer, service, { pgbouncer: target }, 100).then((report) => ({ report, asked }));
}

test('too many clients are not listed, and many pools are cut with a count', async () => {
  const { report, asked } = await lookAt({
    POOLS: Array.from({ length: 50 }, (_, i) => pool({ user: `tenant_${i}`, cl_waiting: String(i) })),
    LISTS: [{ list: 'used_clients', items: '9000' }],
    VERSION: [{ version: 'PgBouncer 1.25.0' }],
  });
  expect(asked).not.toContain('CLIENTS');
  expect(report).toMatchObject({
    version: '1.25.0',
    poolsLeftOut: 30,
    clientGroups: null,
    usedClients: 9_000,
  });
  expect(report.pools).toHaveLength(20);
  expect(report.pools[0]?.user).toBe('tenant_49');
  expect(report.averageWaiting).toBe((49 * 50) / 2);
  expect(report.notSeen).toEqual([expect.objectContaining({ what: 'SHOW CLIENTS' })]);
});

test('the report in Slack says who waits, and what somebody paused', async () => {
  const { report } = await lookAt({
    POOLS: [pool()],
    DATABASES: [{ name: 'debtflow', pool_size: '4', paused: '1', disabled: '0' }],
    LISTS: [{ list: 'used_clients', items: '11' }],
    CONFIG: [{ key: 'max_client_conn', value: '100' }],
  });
  const text = JSON.stringify(pgbouncerBlocks(report));
  expect(text).toContain('3 clients wait for a connection of the pool on average, 3 at most.');
  expect(text).toContain('11 of 100 client slots are in use.');
  expect(text).toContain('debtflow is paused: clients wait until RESUME');
});
