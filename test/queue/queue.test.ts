import { describe } from 'vitest';
import { postgresBackend } from '../../src/queue/backend.ts';
import { createTestDatabase } from '../helpers/test-database.ts';
import { queueContract } from './contract.ts';

describe('the queue on PostgreSQL', () => {
  queueContract(async () => {
    const database = await createTestDatabase();
    return { kind: 'postgres', url: database.appUrl, open: postgresBackend, close: () => database.close() };
  });
});
