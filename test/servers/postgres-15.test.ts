import { afterAll, describe, expect, test, vi } from 'vitest';
import { createTestDatabase } from '../helpers/test-database.ts';
import { startPostgres15 } from './postgres-15.ts';

// What the probes and the mitigations have to do is proven in their own tests, on the embedded server. Here the same
// tests run on the oldest server that the bot is used with: only the server behind createTestDatabase is another.
const server = vi.hoisted(() => ({ url: '' }));
vi.mock('../helpers/test-database.ts', async (importOriginal) => {
  const real = await importOriginal<typeof import('../helpers/test-database.ts')>();
  const createTestDatabase = () => real.createTestDatabase(server.url);
  const withTestDatabase: typeof real.withTestDatabase = async (work) => {
    const database = await createTestDatabase();
    try {
      await work(database);
    } catch (error) {
      await database.close().catch(() => undefined); // the first failure is the one to report
      throw error;
    }
    await database.close();
  };
  return { ...real, createTestDatabase, withTestDatabase };
});

const postgres = await startPostgres15();
server.url = postgres.url;
afterAll(() => postgres.stop());

test('the tests below do run on version 15', async () => {
  const database = await createTestDatabase();
  const { rows } = await database.query<{ server_version: string }>('show server_version');
  expect(rows[0]?.server_version).toMatch(/^15\./);
  await database.close();
});

describe('lock-tree', async () => {
  await import('../probes/lock-tree.test.ts');
});
describe('active-queries', async () => {
  await import('../probes/active-queries.test.ts');
});
describe('top-statements', async () => {
  await import('../probes/top-statements.test.ts');
});
describe('n-plus-one', async () => {
  await import('../probes/n-plus-one.test.ts');
});
describe('connection-pool', async () => {
  await import('../probes/connection-pool.test.ts');
});
describe('cancel-query', async () => {
  await import('../mitigations/cancel-query.test.ts');
});
describe('terminate-backend', async () => {
  await import('../mitigations/terminate-backend.test.ts');
});
describe('create-index', async () => {
  await import('../mitigations/create-index.test.ts');
});
describe('drop-index', async () => {
  await import('../mitigations/drop-index.test.ts');
});
describe('analyze', async () => {
  await import('../mitigations/analyze.test.ts');
});
describe('vacuum-analyze', async () => {
  await import('../mitigations/vacuum-analyze.test.ts');
});
describe('brake-role', async () => {
  await import('../mitigations/brake-role.test.ts');
});
describe('release-role', async () => {
  await import('../mitigations/release-role.test.ts');
});
