import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { type Api, startApi } from '../../../../sandbox/debtflow/api/api.ts';
import { buildPrograms, type Programs } from '../../../../sandbox/debtflow/build.ts';
import { type Database, startDatabase } from '../../../../sandbox/debtflow/database.ts';
import { HOT_ACCOUNTS, idOf } from '../../../../sandbox/debtflow/ids.ts';
import { childrenOf, isAlive, listenQueue } from '../processes.ts';

const stateDir = mkdtempSync(join(tmpdir(), 'debtflow-api-'));
const account = HOT_ACCOUNTS[0] as string;
let database: Database;
let programs: Programs;
let api: Api;

beforeAll(async () => {
  database = await startDatabase(stateDir, 'small', () => undefined);
  programs = await buildPrograms(stateDir);
});
afterEach(() => api.stop());
afterAll(async () => {
  await database.stop();
  rmSync(stateDir, { recursive: true });
});

async function start(options: { workers: number; timeoutMs?: number }): Promise<void> {
  // A busy machine must not make a blocked request time out before the test has looked.
  const databaseUrl = `${database.apiUrl}?options=${encodeURIComponent('-c statement_timeout=15s')}`;
  api = await startApi({ stateDir, programs, databaseUrl, log: () => undefined, ...options });
}
const workers = () => childrenOf(api.masterPid).map((child) => child.pid);
const signal = (name: NodeJS.Signals) => process.kill(api.masterPid, name);
const detail = (n: number) => fetch(`${api.url}/api/accounts/${idOf('account', n)}/`);
const update = () =>
  fetch(`${api.url}/api/accounts/${account}/`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: '{"status":"assigned"}',
  });

async function withLockedAccount(use: () => Promise<void>): Promise<void> {
  const holder = new pg.Client({ connectionString: database.url });
  await holder.connect();
  try {
    await holder.query('begin');
    await holder.query('update accounts_account set updated_at = now() where id = $1', [account]);
    await use();
  } finally {
    await holder.end();
  }
}

test('each worker takes one request; the others wait in the listen queue and none is lost', async () => {
  await start({ workers: 2 });
  const port = Number(new URL(api.url).port);
  const answered: number[] = [];
  let requests: Promise<Response>[] = [];
  await withLockedAccount(async () => {
    const writes = [update(), update()];
    await vi.waitFor(async () => expect(await lockWaiters()).toBe(2), 5_000);
    const reads = [20, 21, 22, 23].map((n) =>
      detail(n).then((response) => {
        answered.push(n);
        return response;
      }),
    );
    await vi.waitFor(() => expect(listenQueue(port)).toBe(4), 5_000);
    expect(answered).toEqual([]);
    requests = [...writes, ...reads];
  });
  expect((await Promise.all(requests)).map((response) => response.status)).toEqual(Array(6).fill(200));
  expect(listenQueue(port)).toBe(0);
});

test('a client that gives up does not free its worker before the view is done', async () => {
  await start({ workers: 1 });
  await withLockedAccount(async () => {
    const write = request(`${api.url}/api/accounts/${account}/`, { method: 'PATCH', agent: false });
    write.once('error', () => undefined); // our own abort
    write.end('{"status":"assigned"}');
    await vi.waitFor(async () => expect(await lockWaiters()).toBe(1), 5_000);
    write.destroy();
    const read = detail(3).then(() => 'answered');
    await vi.waitFor(() => expect(listenQueue(Number(new URL(api.url).port))).toBe(1), 5_000);
    expect(await Promise.race([read, lockWaiters()])).toBe(1);
  });
  expect((await detail(3)).status).toBe(200);
  expect(readFileSync(api.logFile, 'utf8')).not.toContain('Connection terminated');
});

async function lockWaiters(): Promise<number> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    const { rowCount } = await client.query("select from pg_stat_activity where wait_event_type = 'Lock'");
    return rowCount ?? 0;
  } finally {
    await client.end();
  }
}

test('TTIN adds a worker, TTOU retires the oldest but never the last, HUP returns to the configured number', async () => {
  await start({ workers: 2 });
  await vi.waitFor(() => expect(workers()).toHaveLength(2), 8_000);
  const first = workers();

  signal('SIGTTIN');
  await vi.waitFor(() => expect(workers()).toHaveLength(3), 8_000);
  signal('SIGTTOU');
  await vi.waitFor(() => expect(workers()).toHaveLength(2), 8_000);
  expect(workers()).not.toContain(Math.min(...first));

  signal('SIGTTOU');
  await vi.waitFor(() => expect(workers()).toHaveLength(1), 8_000);
  signal('SIGTTOU');
  await vi.waitFor(
    () => expect(readFileSync(api.logFile, 'utf8').match(/Handling signal: ttou/g)).toHaveLength(3),
    8_000,
  );
  expect((await detail(1)).status).toBe(200);
  expect(workers()).toHaveLength(1);

  const last = workers();
  signal('SIGHUP');
  await vi.waitFor(() => {
    expect(workers()).toHaveLength(2);
    expect(workers()).not.toContain(last[0]);
  }, 8_000);
  await vi.waitFor(
    () =>
      expect(childrenOf(api.masterPid).map((child) => child.command)).toEqual(
        Array(2).fill('gunicorn: worker [debtflow-api]'),
      ),
    8_000,
  );
});

test('loses no request while workers come and go', async () => {
  await start({ workers: 4 });
  const signals: NodeJS.Signals[] = ['SIGTTIN', 'SIGTTOU', 'SIGHUP'];
  const statuses = new Map<number, number>();
  let sent = 0;
  const user = async () => {
    while (sent < 1_000) {
      sent += 1;
      if (sent % 100 === 0) signal(signals[(sent / 100) % 3] as NodeJS.Signals);
      const response = await detail(sent);
      await response.arrayBuffer();
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: 16 }, user));
  expect([...statuses.keys()]).toEqual([200]);
}, 60_000);

test('replaces a worker that died, and kills one that is stuck', async () => {
  await start({ workers: 1, timeoutMs: 2_000 });
  await vi.waitFor(() => expect(workers()).toHaveLength(1), 8_000);
  const [killed] = workers() as [number];
  process.kill(killed, 'SIGKILL');
  expect((await detail(1)).status).toBe(200);
  const [stuck] = workers() as [number];
  expect(stuck).not.toBe(killed);

  await withLockedAccount(async () => {
    await expect(update()).rejects.toThrow('fetch failed');
  });
  expect(readFileSync(api.logFile, 'utf8')).toContain(`[CRITICAL] WORKER TIMEOUT (pid:${stuck})`);
  expect((await detail(1)).status).toBe(200);
});

test('writes access lines with microseconds, and refuses what it does not understand', async () => {
  await start({ workers: 1 });
  expect((await detail(7)).status).toBe(200);
  await vi.waitFor(() =>
    expect(readFileSync(api.logFile, 'utf8')).toMatch(
      new RegExp(`"GET /api/accounts/${idOf('account', 7)}/ HTTP/1.1" 200 \\d+ "-" ".*" \\d+\n`),
    ),
  );
  expect((await fetch(`${api.url}/api/accounts/?agency=nobody`)).status).toBe(400);
  expect((await fetch(`${api.url}/api/nothing/`)).status).toBe(404);
  expect((await fetch(`${api.url}/api/accounts/${idOf('debtor', 1)}/`)).status).toBe(404);
});

test('an account list without select_related asks for every row, in every worker, until it is deployed again', async () => {
  await start({ workers: 2 });
  const list = () => fetch(`${api.url}/api/accounts/?agency=${idOf('agency', 1)}`);
  const executes = async () =>
    (await scrape())['django_db_execute_total{alias="default",vendor="postgresql"}'] as number;
  const queriesOf = async () => {
    const before = await executes();
    const { results } = (await (await list()).json()) as { results: unknown[] };
    return { rows: results.length, queries: (await executes()) - before };
  };
  await list();
  expect(await queriesOf()).toEqual({ rows: 50, queries: 2 });
  api.switch({ nPlusOne: true });
  signal('SIGTTIN');
  await vi.waitFor(() => expect(workers()).toHaveLength(3), 8_000);
  await vi.waitFor(async () => expect(await queriesOf()).toEqual({ rows: 150, queries: 602 }));
  for (let n = 0; n < 6; n += 1) expect(await queriesOf()).toEqual({ rows: 150, queries: 602 });
  api.switch({ nPlusOne: false });
  await vi.waitFor(async () => expect(await queriesOf()).toEqual({ rows: 50, queries: 2 }));
});

test('counts as django_prometheus does, and keeps counting when the workers are replaced', async () => {
  await start({ workers: 1 });
  await detail(1);
  await update();
  const before = await scrape();
  expect(before).toMatchObject({
    django_http_requests_before_middlewares_total: 2,
    django_http_responses_before_middlewares_total: 2,
    django_http_requests_latency_including_middlewares_seconds_count: 2,
    'django_http_requests_latency_including_middlewares_seconds_bucket{le="0.2"}': 2,
    'django_http_requests_latency_seconds_by_view_method_count{view="account-detail",method="GET"}': 1,
    'django_http_requests_latency_seconds_by_view_method_bucket{le="+Inf",view="account-detail",method="PATCH"}': 1,
    'django_http_requests_total_by_view_transport_method_total{view="account-detail",transport="http",method="GET"}': 1,
    'django_http_responses_total_by_status_total{status="200"}': 2,
    'django_http_responses_total_by_status_view_method_total{status="200",view="account-detail",method="PATCH"}': 1,
    'django_db_execute_total{alias="default",vendor="postgresql"}': 5,
    'django_db_query_duration_seconds_count{alias="default",vendor="postgresql"}': 5,
    'django_db_new_connections_total{alias="default",vendor="postgresql"}': 1,
  });

  const old = workers();
  signal('SIGHUP');
  await vi.waitFor(() => expect(old.some(isAlive)).toBe(false), 8_000);
  await detail(2);
  const after = await scrape();
  for (const [series, value] of Object.entries(before))
    expect(after[series], series).toBeGreaterThanOrEqual(value);
  expect(after.django_http_requests_before_middlewares_total).toBe(3);
  expect(after['django_db_new_connections_total{alias="default",vendor="postgresql"}']).toBe(2);
});

/** The last answer is counted a moment after the client has it: waits until both sides agree. */
async function scrape(): Promise<Record<string, number>> {
  return vi.waitFor(async () => {
    const text = await (await fetch(api.metricsUrl)).text();
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    const series = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
    );
    expect(series.django_http_responses_before_middlewares_total).toBe(
      series.django_http_requests_before_middlewares_total,
    );
    return series;
  });
}
