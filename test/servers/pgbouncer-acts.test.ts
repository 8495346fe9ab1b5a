import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import type { MitigationContext } from '../../src/mitigations/mitigation.ts';
import type { PooledTarget } from '../../src/mitigations/pgbouncer-database.ts';
import { pgbouncerReconnect } from '../../src/mitigations/pgbouncer-reconnect.ts';
import { pgbouncerResume } from '../../src/mitigations/pgbouncer-resume.ts';
import { pgbouncer } from '../../src/probes/pgbouncer.ts';
import { openPgBouncer } from '../../src/targets/pgbouncer.ts';
import { titleOf } from '../../src/targets/pgbouncer-admin.ts';
import { type OpenTargets, openTargets } from '../../src/targets/targets.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/test-database.ts';
import { testService } from '../helpers/test-service.ts';
import { type PgBouncerServer, startPgBouncer } from './pgbouncer.ts';

let database: TestDatabase;
let server: PgBouncerServer;
let adminUrl: string;
const opened: OpenTargets[] = [];
const clients: pg.Client[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
  server = await startPgBouncer(database.appUrl, { default_pool_size: 4, query_wait_timeout: 60 });
  adminUrl = server.statsUrl.replace('latency_probe', 'bouncer_admin');
});
afterEach(async () => {
  for (const targets of opened.splice(0)) await targets.close();
  for (const client of clients.splice(0)) await client.end();
});
afterAll(async () => {
  await server.stop();
  await database.close();
});

function contextFor(url = adminUrl): MitigationContext {
  const service = testService({
    targets: { pgbouncer: { url: server.statsUrl, adminUrl: url, timeout: 3_000 } },
  });
  const targets = openTargets(service);
  opened.push(targets);
  return { service, targets, signal: AbortSignal.timeout(40_000) };
}

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: server.url });
  clients.push(client);
  await client.connect();
  return client;
}

/** The snapshot that a proposal would carry, taken by the probe itself. */
async function targetOf(context: MitigationContext): Promise<PooledTarget> {
  const report = await pgbouncer.run({ ...context, windowMs: 500 });
  const traffic = report.traffic.find((one) => one.database === database.name);
  return {
    console: titleOf(server.statsUrl),
    database: database.name,
    queryMicros: traffic?.totalQueryMicros ?? null,
  };
}

test('RESUME: who waits is served, and a second one finds nothing to do', async () => {
  const context = contextFor();
  const client = await connect();
  await client.query('select 1');
  await server.admin(`PAUSE ${database.name}`);
  const waiting = client.query('select 2 as two');
  const target = await targetOf(context);
  expect(target.queryMicros).toBeGreaterThan(0);
  await vi.waitFor(async () =>
    expect(await pgbouncerResume.look(target, context)).toMatchObject({
      state: 'same',
      dryRun: { clientsWaiting: 1 },
    }),
  );
  expect(await pgbouncerResume.verify(target, context)).toMatchObject({ effect: 'did-not-take-place' });

  expect(await pgbouncerResume.execute(target, context)).toMatchObject({ effect: 'done' });
  expect((await waiting).rows).toEqual([{ two: 2 }]);
  expect(await pgbouncerResume.verify(target, context)).toMatchObject({ effect: 'took-place' });
  expect(await pgbouncerResume.execute(target, context)).toEqual({
    effect: 'target-changed',
    reason: expect.stringContaining('not paused any more'),
  });
});

test('a pause that was ended and begun anew is another one', async () => {
  const context = contextFor();
  const client = await connect();
  await client.query('select 1');
  await server.admin(`PAUSE ${database.name}`);
  const target = await targetOf(context);
  await server.admin(`RESUME ${database.name}`);
  await client.query('select 1');
  await server.admin(`PAUSE ${database.name}`);
  expect(await pgbouncerResume.execute(target, context)).toEqual({
    effect: 'target-changed',
    reason: expect.stringContaining('paused anew'),
  });
  expect(await pgbouncerResume.verify(target, context)).toMatchObject({ effect: 'did-not-take-place' });
  await server.admin(`RESUME ${database.name}`);
});

test('RECONNECT: another server connection serves the next transaction, and no client notices', async () => {
  const context = contextFor();
  const client = await connect();
  const pidOf = async () => (await client.query('select pg_backend_pid() as pid')).rows[0]?.pid as number;
  const before = await pidOf();
  const target = await targetOf(context);
  expect(await pgbouncerReconnect.look(target, context)).toMatchObject({
    state: 'same',
    dryRun: { clientsActive: 1 },
  });
  expect(await pgbouncerReconnect.execute(target, context)).toMatchObject({ effect: 'done' });
  await vi.waitFor(async () => expect(await pidOf()).not.toBe(before));
  expect(await pgbouncerReconnect.verify(target, context)).toEqual({
    effect: 'took-place',
    detail: 'all server connections are new',
  });
});

test('a user that may only look is told so, and tells nothing to PgBouncer', async () => {
  const lookOnly = contextFor(server.statsUrl);
  const target = await targetOf(lookOnly);
  await server.admin(`PAUSE ${database.name}`);
  await expect(pgbouncerResume.execute(target, lookOnly)).rejects.toMatchObject({
    code: 'target-permission',
    userMessage: expect.stringContaining('admin_users'),
  });
  expect(await pgbouncerResume.verify(target, lookOnly)).toMatchObject({ effect: 'did-not-take-place' });
  await server.admin(`RESUME ${database.name}`);
});

test('who may act is examined without doing anything', async () => {
  const signal = () => AbortSignal.timeout(10_000);
  for (const [url, met] of [
    [adminUrl, true],
    [server.statsUrl, false],
    [undefined, false],
  ] as const) {
    const one = openPgBouncer({ url: server.statsUrl, ...(url && { adminUrl: url }), timeout: 3_000 });
    const examined = (await one.examine(signal())).find(({ id }) => id === 'pgbouncer:act');
    expect(examined).toMatchObject({ met, remedy: met ? null : expect.stringMatching(/admin/) });
    await one.close();
  }
});
