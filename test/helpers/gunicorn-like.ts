import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A process that calls itself a Gunicorn master, and keeps as many children as its signals say. */
export interface GunicornLike {
  pid: number;
  pidFile: string;
  /** The signals it has got so far. */
  signals(): Promise<string[]>;
  stop(): Promise<void>;
}

const MASTER = `
  const { spawn } = require('node:child_process');
  const { appendFileSync } = require('node:fs');
  process.title = 'gunicorn: master [test]';
  const children = [];
  const add = () => children.push(spawn('sleep', ['600'], { stdio: 'ignore' }));
  const told = (name) => appendFileSync(process.argv[2], name + '\\n');
  for (let i = 0; i < Number(process.argv[1]); i += 1) add();
  process.on('SIGTTIN', () => { told('ttin'); add(); });
  process.on('SIGTTOU', () => { told('ttou'); if (children.length > 1) children.shift().kill(); });
  process.on('SIGTERM', () => { for (const child of children) child.kill(); process.exit(); });
  console.log('ready');
  setInterval(() => undefined, 60_000);
`;

/** Starts it with so many workers; for tests that have no Gunicorn. */
export async function startGunicornLike(workers: number): Promise<GunicornLike> {
  const dir = await mkdtemp(join(tmpdir(), 'latency-bot-gunicorn-like-'));
  const [pidFile, told] = [join(dir, 'pid'), join(dir, 'told')];
  await writeFile(told, '');
  const master = spawn(process.execPath, ['-e', MASTER, String(workers), told], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(master, 'exit');
  await once(master.stdout, 'data');
  await writeFile(pidFile, `${master.pid}\n`);
  return {
    pid: master.pid ?? 0,
    pidFile,
    signals: async () => (await readFile(told, 'utf8')).split('\n').filter(Boolean),
    async stop() {
      master.kill('SIGTERM');
      await exited;
      await rm(dir, { recursive: true, force: true });
    },
  };
}
