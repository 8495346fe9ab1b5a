import { afterAll, beforeAll, describe } from 'vitest';
import { redisBackend } from '../../src/queue/backend.ts';
import { queueContract } from '../queue/contract.ts';
import { type RedisServer, startRedis } from './redis-server.ts';

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

describe('the queue on Redis', () => {
  queueContract(async () => ({
    kind: 'redis',
    url: redis.freshUrl(),
    open: redisBackend,
    close: () => Promise.resolve(),
  }));
});
