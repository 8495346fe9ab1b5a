import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Api, startApi } from './api/api.ts';
import { buildPrograms, type Programs } from './build.ts';
import { type Celery, startCelery } from './celery/start-celery.ts';
import { type Database, startDatabase } from './database.ts';
import { type Gateway, startGateway } from './gateway.ts';
import { VOLUMES } from './ids.ts';
import { type Load, startLoad } from './load/start-load.ts';
import { type PgBouncerServer, startPgBouncer } from './servers/pgbouncer.ts';
import { type RedisServer, startRedis } from './servers/redis.ts';

export interface DebtflowOptions {
  /** Holds the cluster, the bundled programs, the pid file and the log. */
  stateDir: string;
  log?: (line: string) => void;
  /** Told at each step of the start: database, seed, api, load. */
  progress?: (step: string, detail?: string) => void;
  /** `small` is a tenth of the data, for tests. */
  size?: 'full' | 'small';
  /** Whether users send requests; default true. */
  load?: boolean;
  /** Servers that are not started although this machine has them. */
  without?: ServerName[];
}

/** Servers that DebtFlow uses where the machine has them. */
export type ServerName = 'redis' | 'pgbouncer';

/** Everything that runs. */
export interface Stack {
  stateDir: string;
  database: Database;
  redis: RedisServer | null;
  pgbouncer: PgBouncerServer | null;
  gateway: Gateway;
  api: Api;
  celery: Celery;
  load: Load;
}

export type Stop = () => Promise<void>;

/** Starts the parts one after the other; what ends each is added to `stops` as soon as it runs. */
export async function startStack(options: DebtflowOptions, stops: Stop[]): Promise<Stack> {
  const stateDir = resolve(options.stateDir);
  const { size = 'full', log = () => undefined, progress = () => undefined } = options;
  await mkdir(stateDir, { recursive: true });
  const database = await startDatabase(stateDir, size, progress);
  stops.push(database.stop);

  progress('api');
  const servers = await startServers(options, stateDir, database, stops);
  const gateway = await startGateway();
  stops.push(gateway.stop);
  const programs = await buildPrograms(stateDir);
  const api = await startApi({
    stateDir,
    programs,
    databaseUrl: servers.pgbouncer?.apiUrl ?? database.apiUrl,
    redisUrl: servers.redis?.url ?? null,
    gatewayUrl: gateway.url,
    log,
  });
  stops.push(api.stop);
  const celery = startTasks(programs, stateDir, { ...servers, database, volume: VOLUMES[size], log });
  stops.push(celery.stop);

  progress('load');
  const load = startLoad({ programs, apiUrl: api.url, volume: VOLUMES[size], on: options.load ?? true, log });
  stops.push(load.stop);
  return { stateDir, database, ...servers, gateway, api, celery, load };
}

/** Redis and PgBouncer where they can be had; one that does not start is said and done without. */
async function startServers(
  { without = [], log = () => undefined }: DebtflowOptions,
  stateDir: string,
  database: Database,
  stops: Stop[],
): Promise<Pick<Stack, 'redis' | 'pgbouncer'>> {
  async function attempt<T extends { stop: Stop }>(name: ServerName, start: () => Promise<T | null>) {
    if (without.includes(name)) return null;
    try {
      const server = await start();
      if (server) stops.push(server.stop);
      return server;
    } catch (error) {
      log(`DebtFlow runs without ${name}: ${error instanceof Error ? error.message : String(error)}`);
      return null;
    }
  }
  const [redis, pgbouncer] = await Promise.all([
    attempt('redis', () => startRedis(stateDir)),
    attempt('pgbouncer', () => startPgBouncer(stateDir, database.apiUrl)),
  ]);
  return { redis, pgbouncer };
}

function startTasks(
  programs: Programs,
  stateDir: string,
  parts: Pick<Stack, 'database' | 'redis'> & {
    volume: (typeof VOLUMES)['full'];
    log: (line: string) => void;
  },
): Celery {
  const { database, redis, volume, log } = parts;
  const logFile = join(stateDir, 'debtflow-celery.log');
  return startCelery(
    programs,
    { databaseUrl: database.celeryUrl, redisUrl: redis?.url ?? null, volume, logFile },
    log,
  );
}
