import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { vi } from 'vitest';
import { freePort } from '../../src/embedded-postgres/embedded-postgres.ts';

/** A real PgBouncer on loopback in front of one database. */
export interface PgBouncerServer {
  port: number;
  /** Through the pool, as the role of the database URL. */
  url: string;
  /** Admin console as a role of stats_users. */
  statsUrl: string;
  /** Runs PAUSE, RESUME and the like as a role of admin_users. */
  admin(command: string): Promise<void>;
  /** Sends the process a signal, such as SIGSTOP. */
  signal(name: NodeJS.Signals): void;
  stop(): Promise<void>;
}

const USERS = ['latency_probe', 'bouncer_admin', 'nobody_special'];

/**
 * Starts Debian's PgBouncer in front of the database of `databaseUrl`; `settings` are those of pgbouncer.ini. Everybody
 * in the auth_file gets in without a password: the server is reachable on loopback alone, for as long as the tests run.
 */
export async function startPgBouncer(
  databaseUrl: string,
  settings: Record<string, string | number> = {},
): Promise<PgBouncerServer> {
  const dir = await mkdtemp(join(tmpdir(), 'latency-bot-pgbouncer-'));
  const port = await freePort();
  const database = new URL(databaseUrl);
  const name = database.pathname.slice(1);
  const role = decodeURIComponent(database.username);
  const ini = {
    ...{ listen_addr: '127.0.0.1', listen_port: port, unix_socket_dir: '', auth_type: 'trust' },
    ...{ auth_file: join(dir, 'users.txt'), stats_users: 'latency_probe', admin_users: 'bouncer_admin' },
    ...{ pool_mode: 'transaction', ignore_startup_parameters: 'extra_float_digits' },
    ...settings,
  };
  const files = {
    'users.txt': [
      `"${role}" "${decodeURIComponent(database.password)}"`,
      ...USERS.map((user) => `"${user}" ""`),
    ],
    'pgbouncer.ini': [
      '[databases]',
      `${name} = host=${database.hostname} port=${database.port || 5432} dbname=${name}`,
      '[pgbouncer]',
      ...Object.entries(ini).map(([key, value]) => `${key} = ${value}`),
    ],
  };
  for (const [file, lines] of Object.entries(files))
    await writeFile(join(dir, file), `${lines.join('\n')}\n`);
  const user = await unprivilegedUser();
  if (user.uid !== undefined) {
    for (const path of ['', ...Object.keys(files)])
      await chown(join(dir, path), user.uid, user.gid ?? user.uid);
  }
  const server = spawn('pgbouncer', ['--quiet', join(dir, 'pgbouncer.ini')], { ...user, stdio: 'ignore' });
  const exited = once(server, 'exit');
  const url = (as: string, to: string) => `postgres://${as}@127.0.0.1:${port}/${to}`;
  const admin = (command: string) => tell(url('bouncer_admin', 'pgbouncer'), command);
  await ready(server, () => admin('SHOW VERSION'));
  return {
    port,
    url: url(encodeURIComponent(role), name),
    statsUrl: url('latency_probe', 'pgbouncer'),
    admin,
    signal: (signal) => void server.kill(signal),
    async stop() {
      server.kill('SIGCONT'); // a stopped process would not hear the next signal
      server.kill('SIGQUIT'); // at once, whoever is connected
      await exited;
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function ready(server: ChildProcess, look: () => Promise<void>): Promise<void> {
  await vi.waitFor(
    async () => {
      if (server.exitCode !== null) throw new Error(`pgbouncer ended with ${server.exitCode}`);
      await look();
    },
    { timeout: 10_000, interval: 50 },
  );
}

async function tell(url: string, command: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined); // connect() and query() report it
  await client.connect();
  await client.query(command).finally(() => client.end());
}

/** PgBouncer does not run as root. */
async function unprivilegedUser(): Promise<{ uid?: number; gid?: number }> {
  if (process.getuid?.() !== 0) return {};
  const line = (await readFile('/etc/passwd', 'utf8')).split('\n').find((one) => one.startsWith('postgres:'));
  const [, , uid, gid] = line?.split(':') ?? [];
  if (!uid || !gid) throw new Error('there is no user postgres');
  return { uid: Number(uid), gid: Number(gid) };
}
