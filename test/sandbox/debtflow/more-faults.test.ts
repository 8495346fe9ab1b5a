import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { type Debtflow, type Fault, startDebtflow } from '../../../sandbox/debtflow/debtflow.ts';
import { withoutImports } from '../../../sandbox/debtflow/faults/dropped-index.ts';
import { HOT_ACCOUNTS, idOf, NO_ACCOUNT } from '../../../sandbox/debtflow/ids.ts';
import { childrenOf } from './processes.ts';

// What each fault does to the database and its hosts, not how slow the API gets: that depends on the machine.
const stateDir = mkdtempSync(join(tmpdir(), 'debtflow-more-'));
const SOON = { timeout: 10_000, interval: 50 };
let debtflow: Debtflow;
let admin: pg.Client;
let fixer: pg.Client;

beforeAll(async () => {
  debtflow = await startDebtflow({ stateDir, size: 'small', without: ['redis', 'pgbouncer'] });
  admin = new pg.Client({ connectionString: debtflow.databaseUrl });
  fixer = new pg.Client({ connectionString: debtflow.actionUrl });
  await Promise.all([admin.connect(), fixer.connect()]);
});
afterEach(async () => {
  for (const each of debtflow.faults) await each.off();
  expect(debtflow.faults.filter((each) => each.isOn())).toEqual([]);
});
afterAll(async () => {
  await Promise.all([admin.end(), fixer.end()]);
  await debtflow.close();
  rmSync(stateDir, { recursive: true });
});

function fault(name: string): Fault {
  const found = debtflow.faults.find((candidate) => candidate.name === name);
  if (!found) throw new Error(`no fault ${name}`);
  return found;
}

interface Session {
  pid: number;
  state: string;
  wait_event: string | null;
  waiters: number;
}

/** Sessions under a name, each with the number of those that wait for it directly. */
async function sessionsOf(name: string): Promise<Session[]> {
  const { rows } = await admin.query<Session>(
    `select pid, state, wait_event, (select count(*)::int from pg_stat_activity w
       where w.wait_event_type = 'Lock' and a.pid = any(pg_blocking_pids(w.pid))) as waiters
     from pg_stat_activity a where application_name = $1 and backend_type = 'client backend'`,
    [name],
  );
  return rows;
}

async function nodesOf(sql: string): Promise<string> {
  const { rows } = await admin.query(`explain (format json) ${sql}`);
  return JSON.stringify(rows);
}
const cancel = (pid: number) => fixer.query('select pg_cancel_backend($1)', [pid]);
const historyOf = (table: string) => `select * from ${table} where account_id = '${idOf('account', 99)}'`;

test('every fault says what a diagnosis has to come to', () => {
  const names = debtflow.faults.map((each) => each.name);
  expect(new Set(names).size).toBe(names.length);
  for (const { truth, title, description } of debtflow.faults) {
    expect([truth.cause, ...truth.alsoAcceptable]).not.toContain(truth.notFirst[0]);
    expect(truth.notFirst).not.toContain(truth.cause);
    expect(truth.harmful).not.toContain(truth.mitigation);
    expect(truth.recovers === 'by-mitigation').toBe(truth.mitigation !== null);
    expect(title.length).toBeLessThanOrEqual(55);
    expect(description.length).toBeLessThanOrEqual(220);
  }
});

test('a fault of a server that is not there says so and stays off', async () => {
  for (const name of [
    'redis-slow-command',
    'redis-maxmemory',
    'redis-down',
    'pgbouncer-pool-starved',
    'pgbouncer-paused',
  ]) {
    await expect(fault(name).on()).rejects.toThrow(/need (redis-server|pgbouncer) on this machine/);
    expect(fault(name).isOn()).toBe(false);
  }
});

test('ddl-lock-queue: queries queue behind the migration until it is cancelled', async () => {
  await fault('ddl-lock-queue').on();
  const migration = await vi.waitFor(async () => {
    const [found] = await sessionsOf('debtflow-migrate');
    expect(found?.wait_event).toBe('relation');
    expect(found?.waiters).toBeGreaterThanOrEqual(3);
    return found as Session;
  }, SOON);
  await cancel(migration.pid);
  await vi.waitFor(() => expect(fault('ddl-lock-queue').isOn()).toBe(false), SOON);
  await vi.waitFor(async () => expect(await sessionsOf('debtflow-admin')).toEqual([]), SOON);
});

test('ddl-lock-queue: the migration is through when the reader is ended', async () => {
  await fault('ddl-lock-queue').on();
  const [reader] = await sessionsOf('debtflow-admin');
  expect(reader?.state).toBe('idle in transaction');
  await fixer.query('select pg_terminate_backend($1)', [reader?.pid]);
  await vi.waitFor(() => expect(fault('ddl-lock-queue').isOn()).toBe(false), SOON);
});

test('hot-row-contention: writers wait for an active session until its statement is cancelled', async () => {
  await fault('hot-row-contention').on();
  const script = await vi.waitFor(async () => {
    const [found] = await sessionsOf('debtflow-admin: month_end');
    expect(found).toMatchObject({ state: 'active' });
    expect(found?.wait_event).not.toBe('transactionid');
    expect(found?.waiters).toBeGreaterThanOrEqual(1);
    return found as Session;
  }, SOON);
  await cancel(script.pid);
  await vi.waitFor(() => expect(fault('hot-row-contention').isOn()).toBe(false), SOON);
});

test('celery-locks: the worker holds locks again after its batch was cancelled', async () => {
  await fault('celery-locks').on();
  const blocking = (not: number) =>
    vi.waitFor(async () => {
      const found = (await sessionsOf('celery: reconcile_payments')).find(({ waiters }) => waiters > 0);
      expect(found?.pid).toBeTypeOf('number');
      expect(found?.pid).not.toBe(not);
      return (found as Session).pid;
    }, SOON);
  const first = await blocking(0);
  await cancel(first);
  await blocking(first);
}, 30_000);

test('missing-index: a lookup reads the whole table until an index serves, by whatever name', async () => {
  for (const [name, table] of [
    ['missing-index-payments', 'payments_payment'],
    ['missing-index-activities', 'accounts_activity'],
  ] as const) {
    expect(await nodesOf(historyOf(table))).not.toContain('Seq Scan');
    await fault(name).on();
    expect(fault(name).isOn()).toBe(true);
    expect(await nodesOf(historyOf(table))).toContain('Seq Scan');
    await admin.query(`create index concurrently made_by_hand on ${table} (account_id)`);
    await vi.waitFor(() => expect(fault(name).isOn()).toBe(false), SOON);
    await fault(name).off();
    const { rows } = await admin.query<{ name: string }>(
      "select indexname as name from pg_indexes where tablename = $1 and indexdef ~ '\\(account_id'",
      [table],
    );
    expect(rows).toEqual([{ name: `${table}_account_created` }]);
  }
});

test('stale-statistics: the planner does without the index until ANALYZE, which the acting role may', async () => {
  const lookup = `select count(id) from accounts_activity where account_id = '${idOf('account', 99)}'`;
  await fault('stale-statistics').on();
  expect(await nodesOf(lookup)).toContain('Seq Scan');
  const modified = async () => {
    const { rows } = await admin.query<{ share: number }>(
      "select n_mod_since_analyze::float8 / n_live_tup as share from pg_stat_user_tables where relname = 'accounts_activity'",
    );
    return rows[0]?.share;
  };
  await vi.waitFor(async () => expect(await modified()).toBeGreaterThan(0.2), SOON);
  await fixer.query('analyze accounts_activity');
  await vi.waitFor(() => expect(fault('stale-statistics').isOn()).toBe(false), SOON);
  expect(await nodesOf(lookup)).not.toContain('Seq Scan');
  await fault('stale-statistics').off();
  const { rows } = await admin.query(
    "select 1 from pg_class where 'autovacuum_enabled=false' = any(reloptions)",
  );
  expect(rows).toEqual([]);
});

test('sort-spill: sorts are on disk until one session is cancelled, and the run gives up', async () => {
  const temporaryBytes = async () => {
    const { rows } = await admin.query<{ bytes: number }>(
      'select coalesce(sum(size), 0)::float8 as bytes from pg_ls_tmpdir()',
    );
    return rows[0]?.bytes as number;
  };
  expect(await temporaryBytes()).toBe(0);
  await fault('sort-spill').on();
  await vi.waitFor(async () => expect(await temporaryBytes()).toBeGreaterThan(1_000_000), SOON);
  const [one] = await sessionsOf('debtflow-report: statements');
  expect(one).toMatchObject({ state: 'active' });
  await cancel((one as Session).pid);
  await vi.waitFor(() => expect(fault('sort-spill').isOn()).toBe(false), SOON);
  await vi.waitFor(async () => expect(await temporaryBytes()).toBe(0), SOON);
});

test('what a missing index has let in to be felt is taken out again, whoever is left to do it', async () => {
  const table = 'accounts_activity';
  const rowsOf = async () => {
    const { rows } = await admin.query<{ all: number; imported: number }>(
      `select count(*)::int as all, count(*) filter (where account_id = '${NO_ACCOUNT}')::int as imported from ${table}`,
    );
    return rows[0];
  };
  const before = await rowsOf();
  await admin.query(
    `begin; set local session_replication_role = replica;
     insert into ${table} (account_id, kind, note, created_at) select '${NO_ACCOUNT}', 'letter', '', now() from generate_series(1, 1000); commit`,
  );
  await withoutImports(admin, table);
  expect(await rowsOf()).toEqual(before);
});

test('slow-downstream: a payment takes seconds, and what it was again afterwards', async () => {
  const pay = async () => {
    const startedAt = performance.now();
    const response = await fetch(`${debtflow.apiUrl}/api/payments/`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ account: HOT_ACCOUNTS[0], processor: idOf('processor', 1), amount: '1.00' }),
    });
    expect(response.status).toBe(201);
    return performance.now() - startedAt;
  };
  await fault('slow-downstream').on();
  expect(await pay()).toBeGreaterThan(2_000);
  await fault('slow-downstream').off();
  await vi.waitFor(async () => expect(await pay()).toBeLessThan(1_000), SOON);
}, 30_000);

test('innocent-long-query and nightly-vacuum are active for long, and nobody waits for them', async () => {
  await fault('innocent-long-query').on();
  await fault('nightly-vacuum').on();
  await vi.waitFor(async () => {
    const [download] = await sessionsOf('debtflow-report: download');
    expect(download).toMatchObject({ state: 'active', wait_event: 'ClientWrite', waiters: 0 });
    const [vacuum] = await sessionsOf('debtflow-maintenance');
    expect(vacuum).toMatchObject({ state: 'active', wait_event: 'VacuumDelay', waiters: 0 });
  }, SOON);
  await fault('innocent-long-query').off();
  await fault('nightly-vacuum').off();
  await vi.waitFor(async () => {
    expect(await sessionsOf('debtflow-report: download')).toEqual([]);
    expect(await sessionsOf('debtflow-maintenance')).toEqual([]);
  }, SOON);
});

test('cpu-hog: its processes are there, and gone', async () => {
  const loops = () => childrenOf(process.pid).filter(({ command }) => command.includes('render-letters'));
  await fault('cpu-hog').on();
  expect(loops().length).toBeGreaterThan(2);
  await fault('cpu-hog').off();
  expect(loops()).toEqual([]);
});
