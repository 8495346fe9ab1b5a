import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';
import { examine } from '../../src/cli/doctor.ts';
import type { DoctorJson } from '../../src/cli/doctor-text.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/test-database.ts';
import { serviceOn, testService } from '../helpers/test-service.ts';

const ROOT = join(import.meta.dirname, '..', '..');

async function openDatabase(): Promise<TestDatabase> {
  const database = await createTestDatabase();
  onTestFinished(() => database.close());
  return database;
}

/** A server that accepts, and never says a word. */
async function openSilence(): Promise<number> {
  const server = createServer((socket) => socket.on('error', () => undefined));
  await new Promise<void>((done) => void server.listen(0, '127.0.0.1', done));
  onTestFinished(() => void server.close());
  const address = server.address();
  return address && typeof address === 'object' ? address.port : 0;
}

const of = (json: DoctorJson, id: string) => {
  const found = json.services[0]?.probes.find((probe) => probe.id === id);
  if (!found) throw new Error(`no probe ${id}`);
  return found;
};

test('of a PostgreSQL with its grants the probes work, and what is not configured is said', async () => {
  const json = await examine([serviceOn(await openDatabase())]);
  const postgres = json.services[0]?.targets.find(({ id }) => id === 'postgres');
  expect(postgres?.examined).toContainEqual(expect.objectContaining({ id: 'postgres:reachable', met: true }));
  expect(['works', 'partly']).toContain(of(json, 'lock-tree').status);
  expect(of(json, 'api-latency')).toMatchObject({ status: 'not-configured', absent: ['metrics'] });
});

test('a role without pg_monitor: the probes will not work, and the grant is named', async () => {
  const database = await openDatabase();
  const service = serviceOn(database, { targets: { postgres: { url: database.appUrl } } });
  const json = await examine([service]);
  expect(json.ok).toBe(false);
  expect(of(json, 'lock-tree').status).toBe('will-not-work');
  expect(JSON.stringify(of(json, 'lock-tree').lacks)).toMatch(/grant pg_monitor to/);
});

test('a target that is not there, and one that never answers, are said to be so within the deadline', async () => {
  const silent = await openSilence();
  const url = (port: number) => `postgres://probe:hunter2@127.0.0.1:${port}/app`;
  const services = [url(1), url(silent)].map((one) => testService({ targets: { postgres: { url: one } } }));
  const begin = performance.now();
  const json = await examine(services, undefined, 3_000);
  expect(performance.now() - begin).toBeLessThan(4_500);
  expect(json.services.map(({ ok }) => ok)).toEqual([false, false]);
  for (const { probes } of json.services) {
    const found = probes.find(({ id }) => id === 'lock-tree');
    expect(['will-not-work', 'unknown']).toContain(found?.status);
  }
  expect(JSON.stringify(json)).not.toContain('hunter2');
});

test('a service without targets has nothing that works', async () => {
  const json = await examine([testService()]);
  expect(json.ok).toBe(false);
  expect(new Set(json.services[0]?.probes.map(({ status }) => status))).toEqual(new Set(['not-configured']));
});

test('on the command line: words or one JSON object, and an exit code', async () => {
  const database = await openDatabase();
  await database.query('create extension if not exists pg_stat_statements');
  const dir = mkdtempSync(join(tmpdir(), 'latency-bot-doctor-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, 'latency-bot.yml');
  const service = { title: 'API', channel: 'C012AB3CD', targets: { postgres: { url: database.probeUrl } } };
  const nothing = { title: 'Nothing', channel: 'C012AB3CD', targets: {} };
  writeFileSync(file, stringify({ services: { api: service, nothing } }));
  const doctor = (...args: string[]) => run('doctor', '--config', file, ...args);
  const [words, json, unknown] = await Promise.all([
    doctor('--service', 'api'),
    doctor('--json'),
    doctor('--service', 'x'),
  ]);
  expect(words.stdout).toMatch(/^api \(API\)\n\nTargets\n {2}PostgreSQL\n/);
  expect(words.stdout).toMatch(/configured probes work/);
  expect(words.code).toBe(0);
  const parsed = JSON.parse(json.stdout) as DoctorJson;
  expect(parsed).toMatchObject({ schema: 1, ok: false, services: [{ id: 'api', ok: true }, { ok: false }] });
  expect(json.code).toBe(1);
  expect(unknown).toMatchObject({ code: 1, stdout: '' });
  expect(unknown.stderr).toContain('there is no service "x"');
  expect(JSON.stringify([words, json])).not.toContain('postgres://');
});

function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { PATH: process.env.PATH };
  return new Promise((done) => {
    execFile(
      process.execPath,
      ['--import', 'tsx', 'src/cli.ts', ...args],
      { cwd: ROOT, env },
      (error, stdout, stderr) =>
        done({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr }),
    );
  });
}
