import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import { freePort } from '../../src/embedded-postgres/embedded-postgres.ts';

/** Debian's Gunicorn with a small application, on loopback. */
export interface GunicornServer {
  url: string;
  port: number;
  pidFile: string;
  /** Its access log, with durations, and its error log in one file, as the journal has them. */
  logFile: string;
  masterPid: number;
  /** Requests that are not waited for; `stop` gives them up. */
  request(path: string): Promise<Response>;
  signal(name: NodeJS.Signals): void;
  stop(): Promise<void>;
}

export interface GunicornOptions {
  workers?: number;
  /** Further arguments, such as --threads 4. */
  args?: string[];
  accessFormat?: string;
  /** Module of fixtures/ and its application. */
  app?: string;
  env?: Record<string, string>;
  /** What is asked of it to learn whether it answers. */
  firstPath?: string;
}

const FORMAT = '%(h)s %(t)s "%(m)s %(U)s" %(s)s %(B)s %(L)s';

export async function startGunicorn(options: GunicornOptions = {}): Promise<GunicornServer> {
  const dir = await mkdtemp(join(tmpdir(), 'latency-bot-gunicorn-'));
  const port = await freePort();
  const [pidFile, logFile] = [join(dir, 'gunicorn.pid'), join(dir, 'gunicorn.log')];
  const flags = {
    bind: `127.0.0.1:${port}`,
    workers: options.workers ?? 2,
    pid: pidFile,
    'access-logfile': logFile,
    'error-logfile': logFile,
    'access-logformat': options.accessFormat ?? FORMAT,
    'graceful-timeout': 1,
    chdir: join(import.meta.dirname, 'fixtures'),
  };
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const env = { PATH: '/usr/bin:/bin', PYTHONDONTWRITEBYTECODE: '1', ...options.env };
  const app = options.app ?? 'gunicorn_app:app';
  const master = spawn('/usr/bin/gunicorn', [...args, ...(options.args ?? []), app], {
    stdio: 'inherit',
    env,
  });
  const exited = once(master, 'exit');
  const url = `http://127.0.0.1:${port}`;
  const abandoned = new AbortController();
  await vi.waitFor(
    async () => {
      if (!existsSync(pidFile)) throw new Error('no pid file yet');
      if (!(await readFile(logFile, 'utf8')).includes('Booting worker')) throw new Error('no worker yet');
      await fetch(`${url}${options.firstPath ?? '/fast'}`, { headers: { connection: 'close' } });
    },
    { timeout: 20_000, interval: 50 },
  );
  return {
    url,
    port,
    pidFile,
    logFile,
    masterPid: master.pid ?? 0,
    request: (path) => fetch(`${url}${path}`, { headers: { connection: 'close' }, signal: abandoned.signal }),
    signal: (name) => void master.kill(name),
    async stop() {
      abandoned.abort();
      master.kill('SIGTERM');
      await exited;
      await rm(dir, { recursive: true, force: true });
    },
  };
}
