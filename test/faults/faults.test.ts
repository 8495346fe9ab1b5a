import { expect, test } from 'vitest';
import { postgresBackend } from '../../src/queue/backend.ts';
import { createTestDatabase } from '../helpers/test-database.ts';
import { createWorld } from '../incidents/world.ts';
import { CASE_COUNT, countFaults } from './fault-runs.ts';

const RUNS = Number(process.env.FAULT_RUNS ?? CASE_COUNT);

test(
  'an executor that is killed anywhere acts at most once, only as approved, and loses no approval',
  async () => {
    const [world, queue] = await Promise.all([createWorld(), createTestDatabase()]);
    try {
      const range = { world, kind: 'postgres' as const, queueUrl: queue.appUrl, open: postgresBackend };
      const counted = await countFaults(range, RUNS);
      process.stdout.write(`PostgreSQL: ${JSON.stringify(counted)}\n`);
      expect(counted).toEqual({
        ...{ runs: RUNS, withoutApproval: 0, doubleExecutions: 0, onChangedTarget: 0, lostApprovals: 0 },
        otherEnds: [],
      });
    } finally {
      await world.close();
      await queue.close();
    }
  },
  60_000 + RUNS * 30_000,
);
