import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startEmbeddedPostgres } from '../../src/embedded-postgres/embedded-postgres.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** A superuser's URL of the one PostgreSQL that the whole test run shares. */
    postgresUrl: string;
  }
}

/** Starts one PostgreSQL for all test files, and removes it with its data at the end. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dir = await mkdtemp(join(tmpdir(), 'latency-bot-test-'));
  const server = await startEmbeddedPostgres({
    dataDir: join(dir, 'postgres'),
    database: 'test',
    settings: {
      max_connections: 100,
      max_prepared_transactions: 10,
      shared_preload_libraries: 'pg_stat_statements',
      // Every test has a database and roles of its own, so all of them have several thousand statements: with the default
      // of 5,000 the last ones would see evictions, and say so.
      'pg_stat_statements.max': 30_000,
      // The data is thrown away; a crash loses nothing.
      fsync: 'off',
      full_page_writes: 'off',
      synchronous_commit: 'off',
    },
  });
  project.provide('postgresUrl', server.url);
  return async () => {
    await server.stop();
    await rm(dir, { recursive: true, force: true });
  };
}
