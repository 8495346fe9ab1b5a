import { spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { startEmbeddedPostgres, stopLeftBehind } from '../../src/embedded-postgres/embedded-postgres.ts';

const MODULE = join(import.meta.dirname, '..', '..', 'src/embedded-postgres/embedded-postgres.ts');
const dirs: string[] = [];

async function freshDir(mode?: number): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'latency-bot-pg-'));
  dirs.push(dir);
  // mkdtemp keeps others out; a state directory in a checkout does not.
  await chmod(dir, mode ?? 0o755);
  return dir;
}

afterEach(async () => {
  for (const dir of dirs.splice(0)) {
    await stopLeftBehind(join(dir, 'db'));
    await rm(dir, { recursive: true, force: true });
  }
});

async function ask(url: string, sql: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query(sql);
  await client.end();
  return rows[0];
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('starts, keeps its data over a stop, and takes settings', async () => {
  const dataDir = join(await freshDir(), 'db');
  const options = { dataDir, database: 'bot db', settings: { max_connections: 17 } };
  const first = await startEmbeddedPostgres(options);
  expect(first.created).toBe(true);
  expect(new URL(first.url).hostname).toBe('127.0.0.1');
  await ask(first.url, 'create table kept as select 42 as answer');
  expect(await ask(first.url, 'show max_connections')).toEqual({ max_connections: '17' });
  await first.stop();
  expect(isAlive(first.pid)).toBe(false);

  const second = await startEmbeddedPostgres(options);
  expect(second.created).toBe(false);
  expect(await ask(second.url, 'select answer from kept')).toEqual({ answer: 42 });
  await second.stop();
  await second.stop(); // asking twice does no harm
});

test('nobody gets in without the password, which only its owner can read', async () => {
  const dataDir = join(await freshDir(), 'db');
  const server = await startEmbeddedPostgres({ dataDir, database: 'x' });
  const wrong = new URL(server.url);
  wrong.password = 'guess';
  await expect(ask(wrong.href, 'select 1')).rejects.toThrow(/password authentication failed/);
  expect(server.url).toContain((await readFile(join(dataDir, 'latency-bot.password'), 'utf8')).trim());
  await server.stop();
});

test('a server whose parent was killed is found again, with the same process and port', async () => {
  const dataDir = join(await freshDir(), 'db');
  const script = `
    const { startEmbeddedPostgres } = await import(${JSON.stringify(MODULE)});
    const server = await startEmbeddedPostgres({ dataDir: ${JSON.stringify(dataDir)}, database: 'x' });
    console.log(JSON.stringify({ pid: server.pid, port: server.port }));
    setInterval(() => {}, 1000);`;
  const parent = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const line = await new Promise<string>((done, fail) => {
    parent.stdout.once('data', (chunk) => done(String(chunk)));
    parent.once('exit', (code) => fail(new Error(`the parent ended with ${code}`)));
  });
  const before = JSON.parse(line) as { pid: number; port: number };
  const gone = new Promise((done) => parent.once('exit', done));
  parent.kill('SIGKILL');
  await gone;
  expect(isAlive(before.pid)).toBe(true);

  const again = await startEmbeddedPostgres({ dataDir, database: 'x' });
  expect(again).toMatchObject({ ...before, created: false });
  await again.stop();
  expect(isAlive(before.pid)).toBe(false);
});

test('a server that was killed itself leaves a pid file, and starts again', async () => {
  const dataDir = join(await freshDir(), 'db');
  const server = await startEmbeddedPostgres({ dataDir, database: 'x' });
  await ask(server.url, 'create table kept as select 42 as answer');
  process.kill(server.pid, 'SIGKILL');
  await vi.waitFor(() => expect(isAlive(server.pid)).toBe(false));
  expect(existsSync(join(dataDir, 'postmaster.pid'))).toBe(true);
  const again = await startEmbeddedPostgres({ dataDir, database: 'x' });
  expect(await ask(again.url, 'select answer from kept')).toEqual({ answer: 42 });
  await again.stop();
});

test('an initdb that was cut off is done anew', async () => {
  const dataDir = join(await freshDir(), 'db');
  await mkdir(join(dataDir, 'base'), { recursive: true });
  await writeFile(join(dataDir, 'PG_VERSION'), '18\n');
  const server = await startEmbeddedPostgres({ dataDir, database: 'x' });
  expect(server.created).toBe(true);
  await server.stop();
});

test('a directory below one that others may not enter works, as under /root', async () => {
  const dataDir = join(await freshDir(0o700), 'deeper', 'db');
  const server = await startEmbeddedPostgres({ dataDir, database: 'x' });
  expect(await ask(server.url, 'select 1 as one')).toEqual({ one: 1 });
  await server.stop();
});

test('a pid file whose number another process has by now is not taken for a server', async () => {
  const dataDir = join(await freshDir(), 'db');
  const server = await startEmbeddedPostgres({ dataDir, database: 'x' });
  await server.stop();
  const bystander = spawn('sleep', ['60'], { stdio: 'ignore', ...launchedAs(dataDir) });
  onTestFinished(() => void bystander.kill('SIGKILL'));
  const pid = bystander.pid ?? 0;
  await writeFile(join(dataDir, 'postmaster.pid'), `${pid}\n${dataDir}\n0\n5432\n\n127.0.0.1\n`);

  await stopLeftBehind(dataDir);
  expect(isAlive(pid)).toBe(true);
  const again = await startEmbeddedPostgres({ dataDir, database: 'x' });
  expect(again.pid).not.toBe(pid);
  expect(await ask(again.url, 'select 1 as one')).toEqual({ one: 1 });
  await again.stop();
  expect(isAlive(pid)).toBe(true);
});

/** The user of the server, whose processes PostgreSQL takes for another server. */
function launchedAs(dataDir: string): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const { uid, gid } = statSync(dataDir);
  return { uid, gid };
}

test('stopLeftBehind ends a server that is there, and does nothing where none is', async () => {
  const dataDir = join(await freshDir(), 'db');
  await stopLeftBehind(dataDir);
  const server = await startEmbeddedPostgres({ dataDir, database: 'x' });
  await stopLeftBehind(dataDir);
  expect(isAlive(server.pid)).toBe(false);
});
