import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { afterAll, expect, test, vi } from 'vitest';
import { startDebtflow } from '../../sandbox/debtflow/debtflow.ts';
import { childrenOf, isAlive } from '../sandbox/debtflow/processes.ts';

const stateDir = mkdtempSync(join(tmpdir(), 'debtflow-stack-'));
afterAll(() => rmSync(stateDir, { recursive: true }));

interface Process {
  pid: number;
  command: string;
}

/** A process's children and theirs. */
function familyOf(pid: number): Process[] {
  return childrenOf(pid).flatMap((child) => [child, ...familyOf(child.pid)]);
}
const isServer = ({ command }: Process) => /redis-server|pgbouncer/.test(command);

test('the API goes through PgBouncer and Redis, Celery empties its queue, the probes may only look', async () => {
  const debtflow = await startDebtflow({ stateDir, size: 'small' });
  const redis = new Redis(debtflow.redisUrl ?? '', { maxRetriesPerRequest: 0 });
  const bouncer = new pg.Client({ connectionString: debtflow.pgbouncerUrl ?? '' });
  try {
    await bouncer.connect();
    const poolRow = async () => {
      const { rows } = await bouncer.query<Record<string, string>>('SHOW POOLS');
      return rows.find((row) => row.user === 'debtflow_api');
    };
    await vi.waitFor(
      () => expect(debtflow.latency().byView['payment-list POST']?.rps).toBeGreaterThan(1),
      8_000,
    );
    expect(debtflow.latency()).toMatchObject({ errorRate: 0 });
    expect(await poolRow()).toMatchObject({ cl_waiting: 0, pool_mode: 'transaction' });
    await expect(bouncer.query('PAUSE')).rejects.toThrow(/admin access needed/);

    await vi.waitFor(async () => {
      const keys = (await redis.scan('0', 'COUNT', 10_000))[1];
      expect(keys.some((key) => /^debtflow:1:debtor-card:[0-9a-f-]{36}$/.test(key))).toBe(true);
      expect(keys.some((key) => key.startsWith('debtflow:1:idempotency:'))).toBe(true);
    }, 15_000);
    const info = await redis.info('commandstats');
    for (const command of ['get', 'set', 'lpush', 'brpop']) expect(info).toContain(`cmdstat_${command}:`);
    await vi.waitFor(async () => expect(await redis.llen('celery')).toBeLessThan(5), 5_000);
    await expect(redis.get('x')).rejects.toThrow(/NOPERM/);
    await expect(redis.keys('*')).rejects.toThrow(/NOPERM/);
  } finally {
    redis.disconnect();
    await bouncer.end();
    const servers = familyOf(process.pid).filter(isServer);
    expect(servers.length).toBeGreaterThanOrEqual(2);
    await debtflow.close();
    expect(servers.filter(({ pid }) => isAlive(pid))).toEqual([]);
  }
}, 60_000);

test('the faults of Redis and PgBouncer bite, and leave nothing', async () => {
  const debtflow = await startDebtflow({ stateDir, size: 'small' });
  const redis = new Redis(debtflow.redisUrl ?? '', { maxRetriesPerRequest: 0, commandTimeout: 1_000 });
  const bouncer = new pg.Client({ connectionString: debtflow.pgbouncerUrl ?? '' });
  const fixer = new pg.Client({ connectionString: debtflow.actionUrl });
  const soon = { timeout: 10_000, interval: 20 };
  // What queued up has to be worked off first.
  const later = { timeout: 30_000, interval: 20 };
  const fault = (name: string) => {
    const found = debtflow.faults.find((candidate) => candidate.name === name);
    if (!found) throw new Error(`no fault ${name}`);
    return found;
  };
  const waiting = async () => {
    const { rows } = await bouncer.query<Record<string, number>>('SHOW POOLS');
    return Math.max(...rows.map((row) => Number(row.cl_waiting)));
  };
  const paused = async () => {
    const { rows } = await bouncer.query<Record<string, number>>('SHOW DATABASES');
    return rows.some((row) => Number(row.paused) === 1);
  };
  try {
    await Promise.all([bouncer.connect(), fixer.connect()]);

    await fault('redis-slow-command').on();
    await vi.waitFor(async () => {
      const entries = (await redis.call('SLOWLOG', 'GET', '5')) as [number, number, number, string[]][];
      expect(entries.some(([, , micros, [command]]) => command === 'eval' && micros > 200_000)).toBe(true);
    }, soon);
    await fault('redis-slow-command').off();
    expect(await redis.dbsize()).toBeLessThan(50_000);

    await fault('redis-maxmemory').on();
    await vi.waitFor(async () => {
      expect(await redis.info('errorstats')).toContain('errorstat_OOM');
      expect(debtflow.latency().byView['payment-list POST']?.errorRate).toBeGreaterThan(0.05);
    }, soon);
    await fault('redis-maxmemory').off();
    expect(Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1])).toBeLessThan(60_000_000);

    await fault('pgbouncer-pool-starved').on();
    await vi.waitFor(async () => expect(await waiting()).toBeGreaterThan(0), soon);
    await fixer.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'debtflow-export' order by xact_start limit 1",
    );
    await vi.waitFor(() => expect(fault('pgbouncer-pool-starved').isOn()).toBe(false), soon);
    await vi.waitFor(async () => expect(await waiting()).toBe(0), soon);

    await fault('redis-down').on();
    await expect(redis.ping()).rejects.toThrow(/timed out/);
    await fault('redis-down').off();
    await vi.waitFor(async () => expect(await redis.ping()).toBe('PONG'), soon);

    await fault('pgbouncer-paused').on();
    await vi.waitFor(async () => expect(await waiting()).toBeGreaterThan(3), soon);
    expect(await paused()).toBe(true);
    await fault('pgbouncer-paused').off();
    expect(await paused()).toBe(false);
    await vi.waitFor(async () => expect(await waiting()).toBe(0), later);
    expect(debtflow.faults.filter((each) => each.isOn())).toEqual([]);
  } finally {
    redis.disconnect();
    await Promise.all([bouncer.end(), fixer.end()]);
    await debtflow.close();
  }
}, 60_000);

test('a parent killed with -9 takes Redis and PgBouncer along; their secrets are nobody else’s to read', async () => {
  const parent = spawn(
    process.execPath,
    ['--import', 'tsx', 'sandbox/debtflow/main.ts', '--state-dir', stateDir, '--size', 'small'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await once(parent.stdout, 'data'); // the addresses: everything is up
  const family = familyOf(parent.pid as number);
  const postmaster = Number(
    readFileSync(join(stateDir, 'debtflow-db/postmaster.pid'), 'utf8').split('\n')[0],
  );
  const servers = family.filter(isServer);
  expect(servers.some(({ command }) => command.includes('redis-server'))).toBe(true);
  expect(servers.some(({ command }) => command.includes('pgbouncer'))).toBe(true);
  for (const file of ['redis/redis.conf', 'pgbouncer/users.txt'])
    expect(statSync(join(stateDir, file)).mode & 0o077).toBe(0);

  parent.kill('SIGKILL');
  const database = new Set([postmaster, ...childrenOf(postmaster).map((child) => child.pid)]);
  const others = family.filter(({ pid, command }) => !database.has(pid) && !command.startsWith('postgres:'));
  await vi.waitFor(() => expect(others.filter(({ pid }) => isAlive(pid))).toEqual([]), 8_000);

  // The database is found again, and ended in order.
  const again = await startDebtflow({ stateDir, size: 'small', load: false });
  await again.close();
  expect(isAlive(postmaster)).toBe(false);
}, 60_000);
