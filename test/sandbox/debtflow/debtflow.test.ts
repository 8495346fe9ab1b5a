import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Fastify from 'fastify';
import { afterAll, expect, test, vi } from 'vitest';
import { startDebtflow } from '../../../sandbox/debtflow/debtflow.ts';
import { childrenOf, isAlive } from './processes.ts';

const stateDir = mkdtempSync(join(tmpdir(), 'debtflow-'));
const masterPid = () => Number(readFileSync(join(stateDir, 'debtflow-api.pid'), 'utf8'));
const postmasterPid = () =>
  Number(readFileSync(join(stateDir, 'debtflow-db/postmaster.pid'), 'utf8').split('\n')[0]);
const WITHOUT = ['--without', 'redis', '--without', 'pgbouncer'];
afterAll(() => rmSync(stateDir, { recursive: true }));

test('serves the fault panel, and leaves no process behind when it is closed', async () => {
  const steps: string[] = [];
  const debtflow = await startDebtflow({
    stateDir,
    size: 'small',
    without: ['redis', 'pgbouncer'],
    progress: (step) => steps.push(step),
  });
  const app = Fastify();
  try {
    expect([...new Set(steps)]).toEqual(['database', 'seed', 'api', 'load']);
    await debtflow.register(app);
    const listed = (await app.inject('/sandbox/faults')).json<
      { name: string; on: boolean; available: boolean }[]
    >();
    expect(listed.filter(({ on }) => on)).toEqual([]);
    expect(listed.filter(({ available }) => !available).map(({ name }) => name)).toEqual([
      'pgbouncer-pool-starved',
      'pgbouncer-paused',
      'redis-slow-command',
      'redis-maxmemory',
      'redis-down',
    ]);
    expect(listed.map(({ name }) => name)).toEqual(debtflow.faults.map(({ name }) => name));
    const put = (name: string, body: object) =>
      app.inject({ method: 'PUT', url: `/sandbox/faults/${name}`, body });
    expect((await put('earthquake', { on: true })).statusCode).toBe(404);
    expect((await put('connection-leak', { on: 'yes' })).statusCode).toBe(400);
    expect((await put('redis-maxmemory', { on: true })).json()).toMatchObject({
      error: expect.stringContaining('need redis-server on this machine'),
    });
    await put('connection-leak', { on: true });
    expect((await put('idle-in-transaction', { on: true })).statusCode).toBe(503);
    await put('connection-leak', { on: false });
    expect((await put('idle-in-transaction', { on: true })).json()).toMatchObject({ on: true });
    expect((await put('idle-in-transaction', { on: true })).json()).toMatchObject({ on: true });
    expect((await put('idle-in-transaction', { on: false })).json()).toMatchObject({ on: false });
    await vi.waitFor(async () => {
      const report = (await app.inject('/sandbox/debtflow/latency')).json<{
        rps: number;
        p50Ms: number | null;
      }>();
      expect(report.rps).toBeGreaterThan(10);
      expect(report.p50Ms).toBeGreaterThan(0);
    }, 5_000);
  } finally {
    await app.close();
    const family = [...childrenOf(process.pid), ...childrenOf(masterPid())];
    expect(family.length).toBeGreaterThanOrEqual(11);
    const startedAt = Date.now();
    await debtflow.close();
    expect(Date.now() - startedAt).toBeLessThan(4_000);
    expect(family.filter(({ pid }) => isAlive(pid))).toEqual([]);
    expect(existsSync(debtflow.pidFile)).toBe(false);
  }
}, 60_000);

test('a killed parent takes the API and the load along; the database is found again', async () => {
  const parent = spawn(
    process.execPath,
    ['--import', 'tsx', 'sandbox/debtflow/main.ts', '--state-dir', stateDir, '--size', 'small', ...WITHOUT],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await once(parent.stdout, 'data'); // the addresses: everything is up
  const master = masterPid();
  const family = [...childrenOf(parent.pid as number), ...childrenOf(master)].map((child) => child.pid);
  expect(family.length).toBeGreaterThanOrEqual(11);
  const postmaster = postmasterPid();
  parent.kill('SIGKILL');
  await vi.waitFor(
    () => expect(family.filter((pid) => pid !== postmaster).filter(isAlive)).toEqual([]),
    8_000,
  );
  expect(isAlive(postmaster)).toBe(true);

  const steps: string[] = [];
  const debtflow = await startDebtflow({
    stateDir,
    size: 'small',
    without: ['redis', 'pgbouncer'],
    load: false,
    progress: (step) => steps.push(step),
  });
  try {
    expect(postmasterPid()).toBe(postmaster);
    expect(steps).not.toContain('seed');
  } finally {
    await debtflow.close();
  }
  expect(isAlive(postmaster)).toBe(false);
}, 60_000);
