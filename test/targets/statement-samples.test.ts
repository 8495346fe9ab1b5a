import { expect, test } from 'vitest';
import { openPostgres, type PostgresTarget } from '../../src/targets/postgres.ts';
import { statementDeltas } from '../../src/targets/statement-deltas.ts';
import type { StatementRead } from '../../src/targets/statement-reads.ts';
import { sampleStatements } from '../../src/targets/statement-samples.ts';
import { firstReadDone } from '../helpers/statements-scene.ts';
import { type TestDatabase, withTestDatabase } from '../helpers/test-database.ts';

const LOOKUP = 'select name from agency where id = $1';
const signal = () => AbortSignal.timeout(15_000);

/** Runs `work` with the probes' client on a database that has the extension and a small table. */
async function withStatements(
  work: (postgres: PostgresTarget, database: TestDatabase) => Promise<void>,
): Promise<void> {
  await withTestDatabase(async (database) => {
    await database.query('create extension pg_stat_statements');
    const owner = await database.openSession('migrate');
    await owner.query(
      "create table agency as select g as id, 'agency ' || g as name from generate_series(1, 50) g",
    );
    await owner.end();
    const postgres = openPostgres({ url: database.probeUrl, applicationRoles: [], suspects: {} });
    try {
      await work(postgres, database);
    } finally {
      await postgres.close();
    }
  });
}

test('counts what ended within the window, not what was before', () =>
  withStatements(async (postgres, database) => {
    const api = await database.openSession('api');
    for (let id = 0; id < 7; id += 1) await api.query(LOOKUP, [id]);
    const sampling = sampleStatements(postgres, 800, signal());
    await firstReadDone(database);
    for (let id = 0; id < 5; id += 1) await api.query(LOOKUP, [id + 1]);
    const sample = await sampling;
    const lookup = sample.deltas.find(({ rawText }) => rawText === LOOKUP);
    expect(lookup).toMatchObject({
      ...{ calls: 5, rows: 5, role: database.appRole, topLevel: true, fresh: false, earlierCalls: 7 },
      ...{ ioMs: null, query: { text: LOOKUP, how: 'parsed' } },
    });
    expect(lookup?.totalMs).toBeGreaterThan(0);
    expect(sample.windowMs).toBeGreaterThan(500);
    expect(sample.reset).toBe(false);
    expect(sample.own.calls).toBeGreaterThan(0);
    expect(sample.deltas.every(({ role }) => role !== sample.own.role)).toBe(true);
  }));

test('callers that begin together share one sampling; one that gives up does not end it', () =>
  withStatements(async (postgres) => {
    const givenUp = new AbortController();
    const first = sampleStatements(postgres, 300, givenUp.signal);
    const others = [sampleStatements(postgres, 300, signal()), sampleStatements(postgres, 300, signal())];
    givenUp.abort(new Error('given up'));
    await expect(first).rejects.toThrow('given up');
    const [second, third] = await Promise.all(others);
    expect(second).toBe(third);
    expect(await sampleStatements(postgres, 100, signal())).not.toBe(second);
  }));

const entry = { queryId: '1', role: 'api', topLevel: true, since: 1, planMs: 0, rows: 0 };
const blocks = {
  sharedBlksHit: 0,
  sharedBlksRead: 0,
  sharedBlksDirtied: 0,
  tempBlksRead: 0,
  tempBlksWritten: 0,
};
const read = (atMs: number, calls: number, overrides: Partial<StatementRead> = {}): StatementRead => ({
  ...{ atMs, resetAt: 1, dealloc: 0 },
  entries: [{ ...entry, ...blocks, walBytes: 0, ioMs: 8, calls, totalMs: calls * 2 }],
  ...overrides,
});
const view = { probeRole: 'probe', ioTimed: true, max: 5_000 };

test('a counter that fell, another begin and a reset count with what is there now', () => {
  const fell = statementDeltas(read(0, 100), read(3_000, 9), view);
  expect(fell).toMatchObject({ entriesReset: 1, reset: false, deltas: [{ calls: 9, fresh: true }] });
  const later = read(3_000, 109);
  const restarted = { ...later, entries: later.entries.map((one) => ({ ...one, since: 2 })) };
  expect(statementDeltas(read(0, 100), restarted, view).deltas).toMatchObject([{ calls: 109, fresh: true }]);
  const reset = statementDeltas(read(0, 100), read(3_000, 120, { resetAt: 2 }), view);
  expect(reset).toMatchObject({ reset: true, evictions: null, deltas: [{ calls: 120 }] });
});

test('what did not run is no delta, and evictions are counted', () => {
  const sample = statementDeltas(read(0, 100), read(3_000, 100, { dealloc: 3 }), view);
  expect(sample).toMatchObject({ deltas: [], evictions: 3, windowMs: 3_000 });
});
