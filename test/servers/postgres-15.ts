import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { vi } from 'vitest';
import { freePort } from '../../src/embedded-postgres/embedded-postgres.ts';

export const BINARIES = '/usr/lib/postgresql/15/bin';

const run = promisify(execFile);
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: 100,
  max_prepared_transactions: 10,
  shared_preload_libraries: 'pg_stat_statements',
  fsync: 'off',
};

/** A real PostgreSQL 15 on loopback. */
export interface Postgres15 {
  url: string;
  /** Sends the postmaster a signal; after SIGSTOP nobody new is let in, and nobody is refused. */
  signal(name: NodeJS.Signals): void;
  stop(): Promise<void>;
}

/** Starts Debian's PostgreSQL 15 on a cluster of its own. */
export async function startPostgres15(): Promise<Postgres15> {
  const dir = await mkdtemp(join(tmpdir(), 'latency-bot-postgres-15-'));
  const data = join(dir, 'data');
  const user = await unprivilegedUser();
  if (user.uid !== undefined) await chown(dir, user.uid, user.gid ?? user.uid);
  const options = { ...user, cwd: dir, env: { LC_ALL: 'C', TZ: 'UTC' } };
  // Trust: the server is reachable on loopback alone, for as long as the tests run.
  const cluster = ['-D', data, '-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--no-sync'];
  await run(join(BINARIES, 'initdb'), cluster, options);
  const port = await freePort();
  const flags = Object.entries({ ...SETTINGS, port }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const server = spawn(join(BINARIES, 'postgres'), ['-D', data, ...flags], { ...options, stdio: 'ignore' });
  const exited = once(server, 'exit');
  const url = `postgres://postgres:trusted@127.0.0.1:${port}/postgres`;
  await vi.waitFor(() => answers(url), { timeout: 20_000, interval: 100 });
  return {
    url,
    signal: (name) => void server.kill(name),
    async stop() {
      server.kill('SIGCONT'); // a stopped process would not hear the next signal
      server.kill('SIGINT');
      await exited;
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function answers(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined); // connect() reports it
  await client.connect();
  await client.end();
}

/** PostgreSQL does not run as root. */
async function unprivilegedUser(): Promise<{ uid?: number; gid?: number }> {
  if (process.getuid?.() !== 0) return {};
  const line = (await readFile('/etc/passwd', 'utf8')).split('\n').find((one) => one.startsWith('postgres:'));
  const [, , uid, gid] = line?.split(':') ?? [];
  if (!uid || !gid) throw new Error('there is no user postgres');
  return { uid: Number(uid), gid: Number(gid) };
}
