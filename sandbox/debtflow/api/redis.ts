import { Redis } from 'ioredis';

/** A worker's connection to Redis, as django-redis and kombu have it: short patience, no offline queue of its own. */
export interface Cache {
  /** Null when there is no such key, and when Redis does not answer: django-redis with IGNORE_EXCEPTIONS. */
  get(key: string): Promise<string | null>;
  /** Best effort, as `get`. */
  set(key: string, value: string, seconds: number): Promise<void>;
  /** Whether the key was not there yet. Rejects when Redis does not answer. */
  add(key: string, value: string, seconds: number): Promise<boolean>;
  /** Hands a task to Celery. Rejects when the broker does not take it. */
  enqueue(queue: string, message: string): Promise<void>;
  close(): void;
}

const SOCKET_TIMEOUT_MS = 2_000;

/** Connects at once; while there is no connection every command fails at once. */
export function openCache(url: string): Cache {
  const redis = new Redis(url, {
    connectionName: 'debtflow-api',
    connectTimeout: SOCKET_TIMEOUT_MS,
    commandTimeout: SOCKET_TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => 500,
  });
  redis.on('error', () => undefined); // whoever waits for a command gets it
  const ignored = () => null;
  return {
    get: (key) => redis.get(key).catch(ignored),
    async set(key, value, seconds) {
      await redis.set(key, value, 'EX', seconds).catch(ignored);
    },
    add: async (key, value, seconds) => (await redis.set(key, value, 'EX', seconds, 'NX')) === 'OK',
    async enqueue(queue, message) {
      await redis.lpush(queue, message);
    },
    close: () => redis.disconnect(),
  };
}
