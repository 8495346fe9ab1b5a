import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ExplainReport, explain } from '../../src/probes/explain.ts';
import { reportOf, withTargets } from '../helpers/run.ts';
import {
  createTestDatabase,
  type TestDatabase,
  type TestSession,
  withTestDatabase,
} from '../helpers/test-database.ts';
import { serviceOn } from '../helpers/test-service.ts';

const BY_ACCOUNT =
  'select * from payments_payment where account_id = $1 and status = $2 order by created_at desc limit $3';
const BY_ID = 'select * from payments_payment where id = $1';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  await database.query('create extension pg_stat_statements');
  const app = await database.openSession('migrate');
  await app.query(`create table payments_payment (id int primary key, account_id int not null, status varchar(20) not null,
    created_at timestamptz not null, note text)`);
  await app.query(`insert into payments_payment
    select i, i % 60000, 'completed', now() - i * interval '1 second', 'note' from generate_series(1, 300000) i`);
  await settle(app);
  await app.query('analyze payments_payment');
  await app.query(`grant select on payments_payment to ${new URL(database.probeUrl).username}`);
  await app.end();
});
afterAll(() => database.close());

/** Counters of tables reach the views up to ten seconds late, unless they are sent for. */
const settle = (session: TestSession) => session.query('select pg_stat_force_next_flush()');

function look(
  suspects: Record<string, string>,
  on: TestDatabase = database,
  windowMs = 300,
): Promise<ExplainReport> {
  const postgres = { url: on.probeUrl, applicationRoles: [on.appRole], suspects };
  const service = serviceOn(on, { targets: { postgres } });
  return withTargets(service, (targets) => reportOf(explain, service, targets, windowMs));
}
const named = (report: ExplainReport, name: string) => report.statements.find((one) => one.name === name);

test('a filter without its index is found, with the exact index for it; a lookup by key is not', async () => {
  const report = await look({ payments: BY_ACCOUNT, lookup: BY_ID });
  const payments = named(report, 'payments');
  expect(payments?.problems).toContainEqual(
    expect.objectContaining({
      rule: 'selective-seq-scan',
      schema: 'public',
      relation: 'payments_payment',
      expected: 300_000,
    }),
  );
  expect(payments?.index).toMatchObject({
    table: 'payments_payment',
    status: 'new',
    columns: [
      { name: 'account_id', descending: false },
      { name: 'status', descending: false },
      { name: 'created_at', descending: true },
    ],
    indexesOnTable: 1,
    tooManyIndexes: false,
    whatIf: null,
  });
  expect(payments?.index?.create).toMatch(
    /^create index concurrently lb_payments_pa_account_[0-9a-f]{6} on public\.payments_payment \(account_id, status, created_at desc\)$/,
  );
  expect(payments?.index?.estimatedBytes).toBeGreaterThan(5e6);
  expect(payments?.index?.estimatedBytes).toBeLessThan(30e6);
  expect(named(report, 'lookup')).toMatchObject({ problems: [], index: null });
  expect(named(report, 'lookup')?.plan.nodes).toEqual([
    expect.objectContaining({
      type: 'Index Scan',
      index: 'payments_payment_pkey',
      condition: '(payments_payment.id = $1)',
    }),
  ]);
  expect(report).toMatchObject({ leftOut: 0, planKind: 'generic', hypopg: false });
});

test('the index that was proposed cures the plan, and is not proposed again; an invalid one is told', () =>
  withTestDatabase(async (fresh) => {
    const app = await fresh.openSession('migrate');
    await app.query('create table big as select i as id, i % 20000 as k from generate_series(1, 100000) i');
    await app.query('analyze big');
    await app.query(`grant select on big to ${new URL(fresh.probeUrl).username}`);
    const suspects = { big: 'select * from big where k = $1' };
    const before = named(await look(suspects, fresh), 'big');
    await app.query(before?.index?.create ?? '');
    const after = named(await look(suspects, fresh), 'big');
    expect(after?.problems).toEqual([]);
    expect(after?.index).toBeNull();
    expect(after?.plan.cost).toBeLessThan((before?.plan.cost ?? 0) / 10);
    expect(after?.plan.shape).not.toBe(before?.plan.shape);
    // What a cancelled build leaves behind: the index of that name and those columns, which nothing uses.
    await fresh.query('update pg_index set indisvalid = false where indrelid = $1::regclass', ['big']);
    const invalid = named(await look(suspects, fresh), 'big');
    expect(invalid?.index).toMatchObject({
      status: 'invalid',
      existing: expect.stringContaining('big_k_'),
    });
    await app.end();
  }));

test('no literal leaves, whether it stands in a suspect or in a statement that runs', async () => {
  const app = await database.openSession('gunicorn');
  const running = app
    .query(
      "select count(*) from payments_payment a, payments_payment b where a.note <> 'Schmidt' and b.note > 'hunter2'",
    )
    .catch(() => undefined);
  await expect
    .poll(
      async () => {
        const report = await look({ secret: "select * from payments_payment where note = 'Schmidt'" });
        expect(JSON.stringify(report)).not.toMatch(/Schmidt|hunter2/);
        expect(named(report, 'secret')?.problems[0]?.rule).toBe('selective-seq-scan');
        const running = report.statements.find(({ source }) => source === 'running');
        return running?.query.text ?? JSON.stringify(report.notSeen);
      },
      { timeout: 10_000, interval: 300 },
    )
    .toContain('a.note <> $1');
  await database.query('select pg_cancel_backend($1)', [app.pid]);
  await running;
  await app.end();
});

test('what takes the most time within the window is explained, and what was measured is beside it', async () => {
  const app = await database.openSession('gunicorn');
  const stop = { now: false };
  const load = (async () => {
    for (let i = 0; !stop.now; i += 1) await app.query(BY_ACCOUNT, [i, 'completed', 20]);
  })();
  const report = await look({}, database, 800);
  stop.now = true;
  await load;
  await app.end();
  const [top] = report.statements;
  expect(top).toMatchObject({ source: 'top', queryId: expect.stringMatching(/^-?\d+$/) });
  expect(top?.measured?.calls).toBeGreaterThan(3);
  expect(top?.measured?.shareOfTime).toBeGreaterThan(0.5);
  expect(top?.measured?.blksHitPerCall).toBeGreaterThan(1_000);
  expect(top?.problems.map(({ rule }) => rule)).toContain('selective-seq-scan');
  expect(top?.index?.create).toContain('(account_id, status, created_at desc)');
});

test('a spill to disk is told with its size', async () => {
  const app = await database.openSession('gunicorn');
  await app.query("set work_mem = '64kB'");
  const stop = { now: false };
  const load = (async () => {
    while (!stop.now)
      await app.query('select count(*) from (select * from payments_payment order by note, id offset 0) x');
  })();
  const report = await look({}, database, 1_500);
  stop.now = true;
  await load;
  await app.end();
  const spill = report.statements
    .flatMap(({ problems }) => problems)
    .find(({ rule }) => rule === 'sort-spill');
  expect(spill).toMatchObject({ name: 'Sort' });
  expect(spill?.actual).toBeGreaterThan(1e6);
});

test('statistics that no longer fit are told', () =>
  withTestDatabase(async (fresh) => {
    const app = await fresh.openSession('migrate');
    await app.query('create table stale (id int, k int) with (autovacuum_enabled = off)');
    await app.query('insert into stale select i, 1 from generate_series(1, 2000) i');
    await settle(app);
    const probe = new URL(fresh.probeUrl).username;
    await app.query(`grant select on stale to ${probe}`);
    const suspects = { stale: 'select * from stale where k = $1' };
    const rules = async () =>
      named(await look(suspects, fresh), 'stale')?.problems.map(({ rule }) => rule) ?? [];
    await expect.poll(rules, { timeout: 8_000 }).toContain('never-analyzed');
    await app.query('analyze stale');
    await expect.poll(rules, { timeout: 8_000 }).toEqual([]);
    await app.query('insert into stale select i, i from generate_series(1, 20000) i');
    await settle(app);
    await expect.poll(rules, { timeout: 8_000 }).toContain('stale-statistics');
    await app.end();
  }));

describe('what could not be looked at is told', () => {
  test('a table without SELECT costs its statement, and the grant is named', async () => {
    await database.query('create table if not exists hidden (id int)');
    const role = new URL(database.probeUrl).username;
    const report = await look({
      lookup: BY_ID,
      hidden: 'select * from hidden where id = $1',
      update: 'update payments_payment set note = $1 where id = $2',
      gone: 'select * from nowhere',
      two: 'select 1; drop table payments_payment',
    });
    expect(report.statements.map(({ name }) => name)).toContain('lookup');
    const of = (name: string) => report.notSeen.find(({ what }) => what === `the suspect "${name}"`);
    expect(of('hidden')?.remedy).toContain(`grant select on public.hidden to ${role}`);
    expect(of('update')?.remedy).toContain('latency_bot.explain_plan()');
    expect(of('update')?.remedy).not.toContain('grant select');
    expect(of('gone')?.reason).toContain('a table that this database does not have');
    expect(of('two')?.reason).toContain('not one SELECT');
  });

  test('when nothing may be explained the probe fails and names the grant', async () => {
    await expect(look({ hidden: 'select * from hidden where id = $1' })).rejects.toThrow(
      /grant select on public\.hidden/,
    );
  });

  test('a table that is locked costs its statement 0.2 s, and nothing else', async () => {
    const ddl = await database.openSession('migrate', 'superuser');
    await ddl.query('begin; lock table payments_payment in access exclusive mode');
    await database.query('create table if not exists free (id int)');
    await database.query(`grant select on free to ${new URL(database.probeUrl).username}`);
    const report = await look({ locked: BY_ID, free: 'select * from free' });
    expect(report.notSeen).toContainEqual(
      expect.objectContaining({
        what: 'the suspect "locked"',
        reason: expect.stringContaining('ACCESS EXCLUSIVE'),
      }),
    );
    expect(named(report, 'free')).toBeDefined();
    await ddl.query('rollback');
    await ddl.end();
  });

  test('without pg_stat_statements the suspects are explained; without either nothing was looked at', () =>
    withTestDatabase(async (fresh) => {
      await fresh.query('create table t (id int)');
      await fresh.query(`grant select on t to ${new URL(fresh.probeUrl).username}`);
      const report = await look({ t: 'select * from t' }, fresh);
      expect(report.notSeen).toContainEqual(
        expect.objectContaining({ remedy: expect.stringContaining('create extension pg_stat_statements') }),
      );
      await expect(look({}, fresh)).rejects.toThrow(/create extension pg_stat_statements/);
    }));
});

test('the function of the table owner explains what the role of the probes may not read', async () => {
  const role = new URL(database.probeUrl).username;
  await database.query('create table if not exists secret (id int primary key, note text)');
  await database.query('create schema latency_bot');
  await database.query(`create function latency_bot.explain_plan(stmt text) returns json
    language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $fn$
    declare c refcursor; plan json;
    begin
      set transaction read only;
      perform set_config('lock_timeout', '200ms', true);
      open c for execute 'explain (generic_plan, verbose, settings, format json) ' || stmt;
      fetch c into plan; close c; return plan;
    end $fn$`);
  await database.query(
    `grant usage on schema latency_bot to ${role}; grant execute on function latency_bot.explain_plan(text) to ${role}`,
  );
  const report = await look({
    secret: 'update secret set note = $1 where id = $2',
  });
  expect(named(report, 'secret')?.plan.nodes[0]).toMatchObject({ type: 'ModifyTable', relation: 'secret' });
  await database.query('drop schema latency_bot cascade');
});
