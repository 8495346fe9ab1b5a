import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startEmbeddedPostgres } from '../../src/embedded-postgres/embedded-postgres.ts';
import { openPostgres, type PostgresTarget } from '../../src/targets/postgres.ts';
import { sampleStatements } from '../../src/targets/statement-samples.ts';
import { firstReadDone } from '../helpers/statements-scene.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/test-database.ts';

/** A server of its own: its pg_stat_statements is filled, or not loaded at all. */
async function withServer(
  settings: Record<string, string | number>,
  work: (postgres: PostgresTarget, database: TestDatabase) => Promise<void>,
): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'latency-bot-statements-'));
  const server = await startEmbeddedPostgres({
    dataDir: join(dir, 'postgres'),
    database: 'test',
    settings: { ...settings, fsync: 'off' },
  });
  try {
    const database = await createTestDatabase(server.url);
    await database.query('create extension pg_stat_statements');
    const postgres = openPostgres({ url: database.probeUrl, applicationRoles: [], suspects: {} });
    try {
      await work(postgres, database);
    } finally {
      await postgres.close();
      await database.close();
    }
  } finally {
    await server.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

test('a library that is not loaded is told from an extension that is not created', () =>
  withServer({}, async (postgres) => {
    await expect(sampleStatements(postgres, 100, AbortSignal.timeout(5_000))).rejects.toMatchObject({
      code: 'not-configured',
      userMessage: expect.stringContaining('shared_preload_libraries'),
    });
  }));

// Each pair of columns is a statement of its own; constants and aliases are not.
const FILL = `
  do $$ begin
    execute 'create table wide (' || (select string_agg('c' || g || ' int', ', ') from generate_series(1, 110) g) || ')';
    for a in 1..100 loop
      for b in 1..50 loop
        execute format('select c%s, c%s from wide', a, b + 50);
      end loop;
    end loop;
  end $$`;

test('5,000 statements are read in a moment; texts are fetched for the busiest alone', () =>
  withServer(
    { shared_preload_libraries: 'pg_stat_statements', 'pg_stat_statements.track': 'all' },
    async (postgres, database) => {
      await database.query(FILL);
      const begin = performance.now();
      const sampling = sampleStatements(postgres, 1_500, AbortSignal.timeout(15_000));
      await firstReadDone(database);
      const firstMs = performance.now() - begin;
      for (let a = 1; a <= 100; a += 1)
        for (const b of [51, 52]) await database.query(`select c${a}, c${b} from wide`);
      const sample = await sampling;
      expect(sample.entries).toBeGreaterThan(4_500);
      expect(firstMs).toBeLessThan(1_200);
      expect(performance.now() - begin).toBeLessThan(3_300);
      expect(sample.deltas.length).toBeGreaterThan(150);
      expect(sample.deltas.filter(({ query }) => query !== null).length).toBeLessThanOrEqual(100);
    },
  ));
