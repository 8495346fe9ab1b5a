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
  size: 'full' | 'small';
  database: Database;
  redis: RedisServer | null;
  pgbouncer: PgBouncerServer | null;
  gateway: Gateway;
  api: Api;
  celery: Celery;
  load: Load;
}

export type Stop = () => Promise<void>;

/** Starts the parts, side by side where they do not need each other; what ends each is added to `stops` once it runs. */
export async function startStack(options: DebtflowOptions, stops: Stop[]): Promise<Stack> {
  const stateDir = resolve(options.stateDir);
  const { size = 'full', log = () => undefined, progress = () => undefined } = options;
  const kept = <T extends { stop: Stop } | null>(part: T): T => {
    if (part) stops.push(part.stop);
    return part;
  };
  await mkdir(stateDir, { recursive: true });
  const [database, redis, gateway, programs] = await together([
    startDatabase(stateDir, size, progress).then(kept),
    attempt(options, 'redis', () => startRedis(stateDir)).then(kept),
    startGateway().then(kept),
    buildPrograms(stateDir),
  ]);

  progress('api');
  const pgbouncer = kept(
    await attempt(options, 'pgbouncer', () => startPgBouncer(stateDir, database.apiUrl)),
  );
  const api = kept(
    await startApi({
      stateDir,
      programs,
      databaseUrl: pgbouncer?.apiUrl ?? database.apiUrl,
      redisUrl: redis?.url ?? null,
      gatewayUrl: gateway.url,
      log,
    }),
  );
  const volume = VOLUMES[size];
  const celery = kept(startTasks(programs, stateDir, { database, redis, volume, log }));

  progress('load');
  const load = kept(startLoad({ programs, apiUrl: api.url, volume, on: options.load ?? true, log }));
  return { stateDir, size, database, redis, pgbouncer, gateway, api, celery, load };
}

/** Waits for all, also when one fails: what still starts could not be stopped. */
async function together<T extends unknown[]>(starts: { [K in keyof T]: Promise<T[K]> }): Promise<T> {
  await Promise.allSettled(starts);
  return (await Promise.all(starts)) as T;
}

/** A server where it can be had; one that does not start is said and done without. */
async function attempt<T>(
  { without = [], log = () => undefined }: DebtflowOptions,
  name: ServerName,
  start: () => Promise<T | null>,
): Promise<T | null> {
  if (without.includes(name)) return null;
  try {
    return await start();
  } catch (error) {
    log(`DebtFlow runs without ${name}: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
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
