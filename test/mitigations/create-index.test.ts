import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { createIndex } from '../../src/mitigations/create-index.ts';
import { dropIndex } from '../../src/mitigations/drop-index.ts';
import type { IndexTarget } from '../../src/mitigations/index-target.ts';
import type { MitigationContext } from '../../src/mitigations/mitigation.ts';
import { type OpenTargets, openTargets } from '../../src/targets/targets.ts';
import { createPayments, lendOwnership, oidOf, ownedService } from '../helpers/owner-scene.ts';
import { createTestDatabase, type TestDatabase, type TestSession } from '../helpers/test-database.ts';
import { testService } from '../helpers/test-service.ts';

const LONG = { timeout: 40_000 };
const NAME = 'lb_payments_account_abc123';

let database: TestDatabase;
let targets: OpenTargets;
let context: MitigationContext;
let target: IndexTarget;
beforeAll(async () => {
  database = await createTestDatabase();
  await lendOwnership(database);
  await createPayments(database, 500_000);
  const oid = await oidOf(database, 'payments');
  target = {
    oid,
    schema: 'public',
    table: 'payments',
    name: NAME,
    columns: [{ name: 'account_id', descending: false }],
  };
}, 60_000);
afterAll(() => database.close());
beforeEach(() => open());
afterEach(async () => {
  await targets.close();
  await database.query(`drop index if exists ${NAME}`);
});

function open(mitigations: Record<string, unknown> = {}): void {
  const service = ownedService(database, mitigations);
  targets = openTargets(service);
  context = { service, targets, signal: AbortSignal.timeout(100_000) };
}

async function reopen(mitigations: Record<string, unknown>): Promise<void> {
  await targets.close();
  open(mitigations);
}

async function indexesNamed(name: string): Promise<{ valid: boolean }[]> {
  const { rows } = await database.query<{ valid: boolean }>(
    'select i.indisvalid as valid from pg_index i join pg_class c on c.oid = i.indexrelid where c.relname = $1',
    [name],
  );
  return rows;
}

const building = () =>
  vi.waitFor(
    async () => {
      const { rows } = await database.query<{ pid: number; phase: string }>(
        'select pid, phase from pg_stat_progress_create_index where datname = current_database() and index_relid <> 0',
      );
      if (!rows[0]) throw new Error('nothing is being built yet');
      return rows[0];
    },
    { timeout: 30_000, interval: 20 },
  );

/** A session whose snapshot the build has to wait for: it changes a row and stays in its transaction. */
async function writeAndStay(): Promise<TestSession> {
  const holder = await database.openSession('celery');
  await holder.query('begin');
  await holder.query("update payments set note = 'held' where id = 1");
  return holder;
}

test('builds a valid index while rows are written, and shows how far it is', LONG, async () => {
  const writer = await database.openSession('api');
  let writes = 0;
  let over = false;
  const writing = (async () => {
    while (!over) {
      await writer.query('update payments set note = $1 where id = $2', [
        `write ${writes}`,
        1 + (writes % 500),
      ]);
      writes += 1;
    }
  })();
  const words: string[] = [];
  expect(await createIndex.look(target, context)).toMatchObject({
    state: 'same',
    dryRun: {
      statement: `create index concurrently ${NAME} on public.payments (account_id)`,
      tableRows: expect.closeTo(500_000, -5),
      freeUnknown: expect.stringContaining('targets.databaseHost'),
      invalid: [],
    },
  });
  const effect = await createIndex.execute(target, { ...context, progress: (line) => words.push(line) });
  const during = writes;
  over = true;
  await writing;
  await writer.end();
  expect(effect).toMatchObject({ effect: 'done', detail: expect.stringMatching(/was built in \d+ s$/) });
  expect(during).toBeGreaterThan(10);
  expect(await indexesNamed(NAME)).toEqual([{ valid: true }]);
  expect(await createIndex.verify(target, context)).toMatchObject({
    effect: 'took-place',
    detail: expect.stringMatching(/is valid and has [\d.]+ MB$/),
  });
  expect(await createIndex.look(target, context)).toMatchObject({
    state: 'changed',
    reason: `the index ${NAME} begins with the same columns already`,
  });
  expect(await createIndex.execute(target, context)).toMatchObject({ effect: 'target-changed' });
});

test('its undo drops exactly that index, whose undo builds it again', LONG, async () => {
  await createIndex.execute(target, context);
  const undo = createIndex.reverse?.(target, {});
  const drop = dropIndex.target.parse(undo?.target);
  expect(undo).toMatchObject({ kind: 'drop-index', risk: 'high' });
  expect(dropIndex.dryRun.parse(undo?.dryRun)).toBeDefined();
  expect(await dropIndex.execute(drop, context)).toMatchObject({ effect: 'done' });
  expect(await dropIndex.verify(drop, context)).toMatchObject({ effect: 'took-place' });
  expect(await indexesNamed(NAME)).toEqual([]);
  const again = dropIndex.reverse?.(drop, {});
  expect(createIndex.target.parse(again?.target)).toEqual(target);
  expect(createIndex.dryRun.parse(again?.dryRun)).toBeDefined();
});

test('stopped in the middle it is cancelled at the server, and leaves no invalid index', LONG, async () => {
  const holder = await writeAndStay();
  const stop = new AbortController();
  const words: string[] = [];
  const executing = createIndex
    .execute(target, { ...context, signal: stop.signal, progress: (line) => words.push(line) })
    .catch((error: Error) => error);
  await building();
  await vi.waitFor(() => expect(words.join()).toContain(`pid ${holder.pid}`), LONG);
  expect(await indexesNamed(NAME)).toEqual([{ valid: false }]);
  expect(await createIndex.verify(target, context)).toMatchObject({ effect: 'unknown' });
  stop.abort();
  // Removing what is left waits for the same transaction as the build did.
  await vi.waitFor(async () => {
    const { rows } = await database.query(
      "select from pg_stat_activity where query like 'drop index concurrently%' and datname = current_database()",
    );
    expect(rows).toHaveLength(1);
  }, LONG);
  await holder.query('commit');
  const error = await executing;
  expect(error).toMatchObject({
    userMessage:
      'the index was not built: it was stopped before it was done; what was left of it was removed',
  });
  expect(await indexesNamed(NAME)).toEqual([]);
  expect(await createIndex.verify(target, context)).toMatchObject({ effect: 'did-not-take-place' });
  await holder.end();
});

test('ends by its limit, and says where that is set', LONG, async () => {
  await reopen({ indexBuildLimit: 1_000 });
  const holder = await writeAndStay();
  const executing = createIndex.execute(target, context).catch((error: Error) => error);
  await building();
  await vi.waitFor(async () => {
    const { rows } = await database.query(
      "select from pg_stat_activity where query like 'drop index concurrently%' and datname = current_database()",
    );
    expect(rows).toHaveLength(1);
  }, LONG);
  await holder.query('rollback');
  expect(await executing).toMatchObject({
    userMessage: expect.stringContaining(
      'took longer than 1 s (mitigations.indexBuildLimit) and was cancelled',
    ),
  });
  expect(await indexesNamed(NAME)).toEqual([]);
  await holder.end();
});

test('of a bot that died an invalid index stays; it is found, refused and can be dropped', LONG, async () => {
  const holder = await writeAndStay();
  const owner = await database.openSession('latency-bot:act');
  const died = owner
    .query(`create index concurrently ${NAME} on public.payments (account_id)`)
    .catch((error: { code: string }) => error.code);
  const { pid } = await building();
  expect(await createIndex.look(target, context)).toMatchObject({
    state: 'changed',
    reason: `the index ${NAME} is being built already`,
  });
  await database.query('select pg_terminate_backend($1)', [pid]);
  expect(await died).toBe('57P01');
  await holder.query('rollback');
  await vi.waitFor(async () =>
    expect(await createIndex.look(target, context)).toEqual({
      state: 'changed',
      reason: `an invalid index ${NAME} is left of a build that did not finish: drop it first`,
    }),
  );
  expect(await createIndex.verify(target, context)).toMatchObject({
    effect: 'did-not-take-place',
    detail: expect.stringContaining('has to be dropped'),
  });
  const drop = dropIndex.target.parse({ ...target, why: 'invalid' });
  expect(await dropIndex.execute(drop, context)).toMatchObject({ effect: 'done' });
  expect(await indexesNamed(NAME)).toEqual([]);
  await holder.end();
});

test(
  'is refused behind an older transaction, which is named; a reader without a snapshot is not in its way',
  LONG,
  async () => {
    await reopen({ indexWait: 1_000 });
    const reader = await database.openSession('report');
    await reader.query('begin');
    await reader.query('select count(*) from payments where id < 10');
    const holder = await writeAndStay();
    const refused = await vi.waitFor(async () => {
      const look = await createIndex.look(target, context);
      if (look.state === 'same') throw new Error('it is not old enough yet');
      return look.reason;
    }, LONG);
    expect(refused).toMatch(
      new RegExp(
        `^the build would wait for pid ${holder.pid} \\(celery, idle in transaction\\), open for \\d+ s; `,
      ),
    );
    expect(await createIndex.execute(target, context)).toMatchObject({ effect: 'target-changed' });
    expect(await indexesNamed(NAME)).toEqual([]);
    await holder.query("prepare transaction 'held'");
    await vi.waitFor(
      async () =>
        expect(await createIndex.look(target, context)).toMatchObject({
          reason: expect.stringContaining('the prepared transaction held'),
        }),
      LONG,
    );
    await database.query("rollback prepared 'held'");
    expect(await createIndex.look(target, context)).toMatchObject({ state: 'same' });
    await Promise.all([holder.end(), reader.end()]);
  },
);

test.each([
  ['the same columns', 'create index other on payments (account_id)'],
  ['the same columns first', 'create index other on payments (account_id, id desc)'],
  ['the opposite order', 'create index other on payments (account_id desc)'],
])('is refused when a valid index has %s', LONG, async (_, sql) => {
  await database.query(sql);
  expect(await createIndex.look(target, context)).toMatchObject({
    reason: 'the index other begins with the same columns already',
  });
  await database.query('drop index other');
});

test.each([
  ['part of the rows', 'create index other on payments (account_id) where id < 10'],
  ['another order of columns', 'create index other on payments (id, account_id)'],
  ['an expression', 'create index other on payments ((account_id + 1))'],
])('is not refused for an index of %s', LONG, async (_, sql) => {
  await database.query(sql);
  expect(await createIndex.look(target, context)).toMatchObject({ state: 'same' });
  await database.query('drop index other');
});

test(
  'is refused on another table than shown: renamed, made anew, without the column, partitioned',
  LONG,
  async () => {
    await database.query('alter table payments rename to payments_old');
    expect(await createIndex.execute(target, context)).toEqual({
      effect: 'target-changed',
      reason: 'the table public.payments is called public.payments_old by now',
    });
    await database.query('create table payments (id int, account_id int)');
    expect(await createIndex.look(target, context)).toMatchObject({ state: 'changed' });
    await database.query('drop table payments');
    await database.query('alter table payments_old rename to payments');
    const columns = [{ name: 'gone', descending: false }];
    expect(await createIndex.look({ ...target, columns }, context)).toMatchObject({
      reason: 'public.payments lost a column of the index',
    });
    expect(await createIndex.look({ ...target, oid: '1' }, context)).toMatchObject({
      reason: 'the table public.payments is gone',
    });
    await database.query('create table parted (account_id int) partition by range (account_id)');
    const parted = { ...target, oid: await oidOf(database, 'parted'), table: 'parted' };
    expect(await createIndex.look(parted, context)).toMatchObject({
      reason: expect.stringContaining('is no ordinary table'),
    });
    await database.query('drop table parted');
  },
);

test('names that need quoting are quoted', LONG, async () => {
  const owner = await database.openSession('migrate');
  await owner.query('create table "Odd ""Table; drop" ("Due Date" int, "select" int)');
  const odd = {
    ...{ oid: await oidOf(database, '"Odd ""Table; drop"'), schema: 'public', table: 'Odd "Table; drop' },
    ...{
      name: 'lb_"odd',
      columns: [
        { name: 'Due Date', descending: true },
        { name: 'select', descending: false },
      ],
    },
  };
  expect(await createIndex.execute(odd, context)).toMatchObject({ effect: 'done' });
  expect(await createIndex.verify(odd, context)).toMatchObject({ effect: 'took-place' });
  await owner.query('drop table "Odd ""Table; drop"');
  await owner.end();
});

test(
  'is refused without the right to become the owner, and unavailable without a configured owner',
  LONG,
  async () => {
    const action = decodeURIComponent(new URL(database.actionUrl).username);
    await database.query(`revoke ${database.appRole} from ${action}`);
    expect(await createIndex.look(target, context)).toMatchObject({
      reason: expect.stringContaining(`may not become ${database.appRole}`),
    });
    await lendOwnership(database);
    const urls = { url: 'postgres://p@db/x', actionUrl: 'postgres://a@db/x' };
    expect(createIndex.unavailable(testService({ targets: { postgres: urls } }))).toContain('ownerRole');
    expect(createIndex.unavailable(testService({ targets: { postgres: { url: urls.url } } }))).toContain(
      'actionUrl',
    );
    expect(createIndex.unavailable(context.service)).toBeNull();
  },
);

test('the dry run is told in lines', () => {
  const text = createIndex.describeDryRun({
    ...{ statement: 'create index concurrently x on y (z)', tableRows: 500_000, tableBytes: 40e6 },
    ...{ estimatedBytes: 9e6, estimatedMs: 2_000, waitsFor: [], freeBytes: null, freeUnknown: 'no host' },
    invalid: ['half'],
  });
  for (const words of ['SHARE UPDATE EXCLUSIVE', 'unknown: no host', 'half has the same columns'])
    expect(text.join()).toContain(words);
  expect(createIndex.describe(target)).toBe(`index ${NAME} on public.payments (account_id)`);
});
