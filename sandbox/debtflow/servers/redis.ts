import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from '../../../src/embedded-postgres/embedded-postgres.ts';
import { findProgram } from './find-program.ts';
import { startGuarded } from './guarded.ts';

/** What the cache, the circuit breaker and the broker may take together. */
export const REDIS_MAX_BYTES = 96 * 1024 * 1024;

/** DebtFlow's Redis, with a connection string for everybody who uses it. */
export interface RedisServer {
  /** May everything, as an application's usually may. */
  url: string;
  /** Looks, and reads no value. */
  probeUrl: string;
  stop(): Promise<void>;
}

/** Commands that tell how Redis is without reading what is in it. */
const LOOK = [
  '+hello +ping +info +slowlog|get +slowlog|len +latency|latest +latency|doctor +latency|histogram',
  '+latency|history +client|list +client|setname +client|id +memory|usage +memory|stats +memory|doctor',
  '+scan +type +llen +hlen +zcard +scard +strlen +dbsize +select +config|get +acl|whoami',
].join(' ');

/** Starts a private Redis below `stateDir`; null where there is none on this machine. */
export async function startRedis(stateDir: string): Promise<RedisServer | null> {
  const program = findProgram('redis-server');
  if (!program) return null;
  const dir = join(stateDir, 'redis');
  const port = await freePort();
  const [password, probePassword] = [secret(), secret()];
  const url = `redis://:${password}@127.0.0.1:${port}/0`;
  const config = [
    'bind 127.0.0.1',
    `port ${port}`,
    `dir "${dir}"`,
    `logfile "${join(dir, 'redis.log')}"`,
    'loglevel warning',
    'save ""',
    'appendonly no',
    `maxmemory ${REDIS_MAX_BYTES}`,
    // It is a broker, too: an evicted key could be somebody's task.
    'maxmemory-policy noeviction',
    'latency-monitor-threshold 10',
    `user default on >${password} ~* &* +@all`,
    `user latency_probe on >${probePassword} ~* resetchannels -@all ${LOOK}`,
  ];
  const server = await startGuarded({
    program,
    dir,
    files: { 'redis.conf': `${config.join('\n')}\n` },
    args: [join(dir, 'redis.conf')],
    answers: () => ping(url),
  });
  return {
    url,
    probeUrl: `redis://latency_probe:${probePassword}@127.0.0.1:${port}/0`,
    stop: server.stop,
  };
}

async function ping(url: string): Promise<void> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null, connectTimeout: 500 });
  client.on('error', () => undefined); // connect() and ping() reject with it
  try {
    await client.connect();
    await client.ping();
  } finally {
    client.disconnect();
  }
}

const secret = () => randomBytes(18).toString('hex');
