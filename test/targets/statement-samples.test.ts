import { expect, test, vi } from 'vitest';
import { openPostgres, type PostgresTarget } from '../../src/targets/postgres.ts';
import { sampleStatements } from '../../src/targets/statement-samples.ts';
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

/** Resolves when the first read of a sampling is done: the connection of the probes is idle after one. */
async function firstReadDone(database: TestDatabase): Promise<void> {
  await vi.waitFor(async () => {
    const { rowCount } = await database.query(
      `select 1 from pg_stat_activity
       where datname = current_database() and application_name = 'latency-bot:statements'
       and state = 'idle' and query like '%json_agg%'`,
    );
    expect(rowCount).toBeGreaterThan(0);
  }, 5_000);
}

test('counts what ended within the window, not what was before', () =>
  withStatements(async (postgres, database) => {
    const api = await database.openSession('api');
    for (let id = 0; id < 7; id += 1) await api.query(LOOKUP, [id]);
    const sampling = sampleStatements(postgres, 600, signal());
    await firstReadDone(database);
    for (let id = 0; id < 5; id += 1) await api.query(LOOKUP, [id + 1]);
    const sample = await sampling;
    const lookup = sample.deltas.find(({ rawText }) => rawText === LOOKUP);
    expect(lookup).toMatchObject({
      calls: 5,
      rows: 5,
      role: database.appRole,
      topLevel: true,
      fresh: false,
      earlierCalls: 7,
      ioMs: null,
      query: { text: LOOKUP, how: 'parsed' },
    });
    expect(lookup?.totalMs).toBeGreaterThan(0);
    expect(sample.windowMs).toBeGreaterThan(400);
    expect(sample.reset).toBe(false);
    expect(sample.own.calls).toBeGreaterThan(0);
    expect(sample.deltas.every(({ role }) => role !== sample.own.role)).toBe(true);
  }));
