import { describe, expect, test } from 'vitest';
import { gunicornReport, worker } from '../../fixtures/reports/gunicorn-workers.ts';
import { cpuBusy, healthyHost, healthyHostReport, process } from '../../fixtures/reports/host.ts';
import { healthyRequestLogReport } from '../../fixtures/reports/request-log.ts';
import { activeReport } from '../../helpers/reports.ts';
import { lockPileUp, verdictOn, well } from './verdicts.ts';

const full = { cpu: cpuBusy(0.98) };
const computing = gunicornReport(4, 0, {
  cpuCores: 1.6,
  doing: { cpu: 4 },
  workers: [worker({ state: 'R' })],
});
const workers = [process('python3', 0.9, { pid: 901 }), process('python3', 0.8, { ppid: 900, pid: 902 })];
const hostOnly = (of: Parameters<typeof healthyHostReport>[0]) => ({ host: healthyHostReport(of) });

describe('cpu-saturation-api', () => {
  test('is found when the workers burn the CPU', () => {
    const reports = { ...hostOnly({ ...full, topProcesses: workers }), 'gunicorn-workers': computing };
    expect(verdictOn('cpu-saturation-api', reports)).toMatchObject({
      status: 'found',
      confidence: 0.9,
      summary: expect.stringMatching(/^The API has used up its CPU: the CPU is 98 % busy/),
    });
    expect(verdictOn('cpu-saturation-db', reports).status).toBe('ruled-out');
    expect(verdictOn('cpu-saturation-api', { ...reports, ...well }).summary).toContain('does not suffer');
  });

  test('names a foreign process, all of its kind together', () => {
    const hogs = [
      process('stress', 1, { pid: 1 }),
      process('stress', 0.9, { pid: 2 }),
      process('postgres', 0.05),
    ];
    const reports = {
      ...hostOnly({ ...full, topProcesses: hogs }),
      'gunicorn-workers': gunicornReport(4, 0, { workers: [worker({ state: 'R' })] }),
      'active-queries': activeReport([['CPU', 'on-cpu', 2]]),
    };
    expect(verdictOn('cpu-saturation-api', reports)).toMatchObject({
      status: 'found',
      summary: expect.stringMatching(/^2 processes named stress use 1\.9 of 2 cores/),
    });
    expect(verdictOn('cpu-saturation-db', reports).status).toBe('ruled-out');
  });

  test('is ruled out when there is CPU left, and unknown without the machine', () => {
    expect(verdictOn('cpu-saturation-api', hostOnly({}))).toMatchObject({
      status: 'ruled-out',
      summary: expect.stringContaining('30 % busy'),
    });
    expect(
      verdictOn('cpu-saturation-api', { host: { hosts: [healthyHost({ role: 'database' })], notSeen: [] } })
        .status,
    ).toBe('could-not-look');
    expect(verdictOn('cpu-saturation-api', hostOnly({ cpu: null })).status).toBe('could-not-look');
  });

  test('is ruled out when the requests wait for a lock instead', () => {
    const reports = {
      ...lockPileUp(6),
      ...hostOnly({ ...full, topProcesses: workers }),
      'gunicorn-workers': gunicornReport(6),
    };
    expect(verdictOn('cpu-saturation-api', reports)).toMatchObject({
      status: 'ruled-out',
      first: 'lock-idle-in-tx',
    });
  });

  test("is found at the limit of Gunicorn's container, on a machine that is idle", () => {
    const cgroup = {
      ...{ cpuLimitCores: 1, cpuUsedCores: 0.99, throttledRatio: 0.9, throttledMs: 2_000 },
      ...{ memoryBytes: 1, memoryLimitBytes: null, oomKills: 0 },
    };
    const reports = { ...hostOnly({ cgroup, topProcesses: workers }), 'gunicorn-workers': computing };
    expect(verdictOn('cpu-saturation-api', reports).summary).toContain('CPU limit of Gunicorn');
  });
});

describe('cpu-saturation-db', () => {
  const burning = [process('postgres', 1.7), process('python3', 0.1, { pid: 901 })];
  const statements = activeReport([['CPU', 'on-cpu', 5]]);

  test("is found when PostgreSQL burns the CPU, and is not the API's", () => {
    const reports = { ...hostOnly({ ...full, topProcesses: burning }), 'active-queries': statements };
    expect(verdictOn('cpu-saturation-db', reports)).toMatchObject({
      status: 'found',
      confidence: 0.9,
      summary: expect.stringMatching(/^PostgreSQL has used up its CPU/),
    });
    expect(verdictOn('cpu-saturation-api', reports)).toMatchObject({
      status: 'ruled-out',
      summary: expect.stringContaining('PostgreSQL that takes it'),
    });
    expect(verdictOn('cpu-saturation-db', { ...reports, ...well }).status).toBe('ruled-out');
  });

  test('cannot be said when the machine of PostgreSQL was not looked at', () => {
    const api = { host: { hosts: [healthyHost({ role: 'api', ...full })], notSeen: [] } };
    expect(verdictOn('cpu-saturation-db', api)).toMatchObject({
      status: 'could-not-look',
      summary: expect.stringContaining('targets.databaseHost'),
    });
  });
});

describe('cpu-steal', () => {
  test('is found and explains the saturation; ruled out with its number', () => {
    const stolen = hostOnly({ cpu: cpuBusy(0.98, 0.4), procsRunning: 9, topProcesses: workers });
    const reports = { ...stolen, 'gunicorn-workers': computing };
    expect(verdictOn('cpu-steal', reports)).toMatchObject({
      status: 'found',
      summary: expect.stringContaining('takes 40 % of the CPU'),
    });
    expect(verdictOn('cpu-saturation-api', reports).consequenceOf).toBe('cpu-steal');
    expect(verdictOn('cpu-steal', hostOnly({})).summary).toContain('takes 0 %');
    expect(verdictOn('cpu-steal', hostOnly({ cpu: null })).status).toBe('could-not-look');
  });
});

describe('memory-swap-oom', () => {
  const memory = healthyHost().memory;

  test('a killed process is a hard stop even while nobody complains; swapping only when somebody does', () => {
    const killed = hostOnly({ memory: { ...memory, oomKills: 2 } });
    expect(verdictOn('memory-swap-oom', { ...lockPileUp(6), ...killed })).toMatchObject({
      status: 'found',
      first: 'memory-swap-oom',
      summary: expect.stringContaining('the kernel killed 2 processes'),
    });
    expect(verdictOn('memory-swap-oom', { ...well, ...killed }).status).toBe('found');
    const swapping = hostOnly({ memory: { ...memory, swapInPagesPerS: 900 } });
    expect(verdictOn('memory-swap-oom', swapping).summary).toContain('900.0 pages a second');
    expect(verdictOn('memory-swap-oom', { ...well, ...swapping }).status).toBe('ruled-out');
  });

  test('is ruled out when nothing swaps, and unknown where the kernel does not count or a machine is missing', () => {
    expect(verdictOn('memory-swap-oom', hostOnly({})).status).toBe('ruled-out');
    const blind = { ...memory, oomKills: null, swapInPagesPerS: null, swapOutPagesPerS: null };
    expect(verdictOn('memory-swap-oom', hostOnly({ memory: blind })).status).toBe('could-not-look');
    const notSeen = [{ what: 'host of the database', reason: 'it does not answer', remedy: null }];
    expect(verdictOn('memory-swap-oom', { host: { hosts: [healthyHost()], notSeen } }).summary).toContain(
      'it does not answer',
    );
  });
});

describe('disk-full', () => {
  const filesystem = (usedRatio: number, availableBytes: number, mount = '/var', inodesUsedRatio = 0.1) =>
    hostOnly({
      filesystems: [
        { mount, sizeBytes: 1e11, availableBytes, usedRatio, inodesUsedRatio, full: usedRatio > 0.95 },
      ],
    });

  test('is a hard stop, for blocks and for inodes', () => {
    expect(verdictOn('disk-full', { ...lockPileUp(6), ...filesystem(0.99, 2e8) })).toMatchObject({
      status: 'found',
      first: 'disk-full',
      summary: expect.stringMatching(/\/var .* is 99 % used, 191 MB are left/),
    });
    expect(verdictOn('disk-full', filesystem(0.5, 5e10, '/var', 1)).summary).toContain('100 % of its inodes');
    const log = healthyRequestLogReport({ exceptions: [{ name: 'DiskFull', count: 7 }] });
    expect(verdictOn('disk-full', { ...hostOnly({}), 'request-log': log })).toMatchObject({
      status: 'found',
      confidence: 0.9,
    });
  });

  test.each([
    ['a large disk with gigabytes left', filesystem(0.96, 4e10)],
    ['the partition of the kernels', filesystem(0.99, 1e6, '/boot')],
    ['a nearly full disk while the API is well', { ...well, ...filesystem(0.97, 5e8) }],
  ])('is not found for %s', (_what, reports) => {
    expect(verdictOn('disk-full', reports).status).not.toBe('found');
  });

  test('is found at no space at all, whoever suffers, and unknown without file systems', () => {
    expect(verdictOn('disk-full', { ...well, ...filesystem(1, 0) }).status).toBe('found');
    expect(verdictOn('disk-full', hostOnly({ filesystems: [] })).status).toBe('could-not-look');
  });
});

describe('io-saturation', () => {
  const reading = {
    'active-queries': activeReport([
      ['IO', 'DataFileRead', 4],
      ['CPU', 'on-cpu', 1],
    ]),
  };
  const calm = { someAvg10: 0, fullAvg10: 0, some: 0, full: 0 };
  const io = { someAvg10: 0.6, fullAvg10: 0.3, some: 0.6, full: 0.34 };
  const pressed = hostOnly({ pressure: { cpu: calm, io, memory: calm } });

  test('is found when sessions wait for I/O and the machine says the same', () => {
    expect(verdictOn('io-saturation', { ...reading, ...pressed })).toMatchObject({
      status: 'found',
      first: 'io-saturation',
      confidence: 0.9,
      summary: expect.stringMatching(/80 % of its busy sessions wait for I\/O.*34 % of the window/),
    });
    expect(verdictOn('io-saturation', { ...well, ...reading, ...pressed }).status).toBe('ruled-out');
  });

  test('is ruled out on a quick disk, and without waits; unknown without the machine', () => {
    expect(verdictOn('io-saturation', { ...reading, ...hostOnly({}) }).summary).toContain(
      'the disk is quick',
    );
    expect(verdictOn('io-saturation', pressed).status).toBe('ruled-out');
    expect(verdictOn('io-saturation', reading).status).toBe('could-not-look');
    expect(
      verdictOn('io-saturation', { ...reading, ...hostOnly({ pressure: null, disks: [] }) }).status,
    ).toBe('could-not-look');
  });
});
