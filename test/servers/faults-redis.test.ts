import { expect, test } from 'vitest';
import { redisBackend } from '../../src/queue/backend.ts';
import { CASE_COUNT, countFaults } from '../faults/fault-runs.ts';
import { createWorld } from '../incidents/world.ts';
import { startRedis } from './redis-server.ts';

const RUNS = Number(process.env.FAULT_RUNS ?? CASE_COUNT);

test(
  'with the queue on Redis, too, an executor that is killed anywhere acts at most once and as approved',
  async () => {
    const redis = await startRedis();
    const world = await createWorld();
    try {
      const range = { world, kind: 'redis' as const, queueUrl: redis.freshUrl(), open: redisBackend };
      const counted = await countFaults(range, RUNS);
      process.stdout.write(`Redis: ${JSON.stringify(counted)}\n`);
      expect(counted).toEqual({
        ...{ runs: RUNS, withoutApproval: 0, doubleExecutions: 0, onChangedTarget: 0, lostApprovals: 0 },
        otherEnds: [],
      });
    } finally {
      await world.close();
      await redis.stop();
    }
  },
  60_000 + RUNS * 30_000,
);
