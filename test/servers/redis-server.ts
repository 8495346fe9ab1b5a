import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from '../../src/embedded-postgres/embedded-postgres.ts';

/** A real Redis of its own on loopback, with an empty database for each caller of `freshUrl`. */
export interface RedisServer {
  port: number;
  freshUrl(): string;
  /** Sends the process a signal, such as SIGSTOP. */
  signal(name: NodeJS.Signals): void;
  stop(): Promise<void>;
}

const DATABASES = 100;

/** Starts redis-server; `settings` are those of redis.conf. */
export async function startRedis(settings: Record<string, string | number> = {}): Promise<RedisServer> {
  const dir = await mkdtemp(join(tmpdir(), 'latency-bot-redis-'));
  const port = await freePort();
  const flags = {
    bind: '127.0.0.1',
    port,
    dir,
    save: '',
    appendonly: 'no',
    databases: DATABASES,
    ...settings,
  };
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const server = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(server, 'exit');
  for await (const line of createInterface({ input: server.stdout })) {
    if (line.includes('Ready to accept connections')) break;
  }
  server.stdout.resume();
  if (server.exitCode !== null) throw new Error(`redis-server ended with ${server.exitCode}`);
  let used = 0;
  return {
    port,
    freshUrl() {
      if (used === DATABASES) throw new Error('no empty database is left');
      used += 1;
      return `redis://127.0.0.1:${port}/${used - 1}`;
    },
    signal: (name) => void server.kill(name),
    async stop() {
      server.kill('SIGCONT'); // a stopped process would not hear the next signal
      server.kill('SIGTERM');
      await exited;
      await rm(dir, { recursive: true, force: true });
    },
  };
}
