import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test, vi } from 'vitest';
import { host } from '../../src/probes/host.ts';
import { hostDifference } from '../../src/probes/host-difference.ts';
import { runProbe } from '../../src/probes/run-probe.ts';
import { machineLookOf } from '../../src/targets/machine-look.ts';
import { machineText } from '../fixtures/host-text.ts';
import { reportOf, withTargets } from '../helpers/run.ts';
import { testService } from '../helpers/test-service.ts';

const service = testService({ targets: { host: { local: {}, runsPostgres: true } } });

/** Other work may have the cores for a while. */
const BUSY = { timeout: 10_000, interval: 50 };

test('this machine: a loop that hogs a core is named first', async () => {
  const hog = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });
  const ended = once(hog, 'exit');
  try {
    await vi.waitFor(async () => {
      const report = await withTargets(service, (targets) => reportOf(host, service, targets, 400));
      const [machine] = report.hosts;
      expect(machine).toMatchObject({ role: 'api+database', title: 'this machine', notSeen: [] });
      expect(machine?.cpu?.busy).toBeGreaterThan(0.2);
      const found = machine?.topProcesses.find(({ pid }) => pid === hog.pid);
      expect(found?.cpuCores).toBeGreaterThan(0.3);
      expect(found?.name).toBe('node');
    }, BUSY);
  } finally {
    hog.kill('SIGKILL');
    await ended;
  }
});

test('this machine: shares add up, and nothing is impossible', async () => {
  const report = await withTargets(service, (targets) => reportOf(host, service, targets, 200));
  const [machine] = report.hosts;
  if (!machine?.cpu) throw new Error('no CPU time passed');
  const { user, system, iowait, steal, idle, busy } = machine.cpu;
  expect(user + system + iowait + steal + idle).toBeCloseTo(1, 1);
  expect(busy).toBeLessThanOrEqual(1);
  expect(machine.memory.availableBytes).toBeLessThan(machine.memory.totalBytes);
  expect(machine.filesystems.find(({ mount }) => mount === '/')?.sizeBytes).toBeGreaterThan(1_000_000);
  expect(machine.windowMs).toBeGreaterThan(100);
});

const between = (before: string, after: string) =>
  hostDifference(machineLookOf(before), machineLookOf(after));

test('swap, OOM kills, throttling, full disks and dropped connections are what happened in between', () => {
  const report = between(
    machineText(),
    machineText({
      uptimeS: 1_003,
      cpu: 'cpu  1200 0 1100 5900 1300 0 0 160 0 0',
      vmstat: 'pswpin 400\npswpout 3100\npgmajfault 20\noom_kill 3',
      overflows: 19,
      cgroup: 'nr_periods 160\nnr_throttled 45\nthrottled_usec 900000\nusage_usec 4500000',
      disk: '8 0 sda 130 0 8000 900 250 0 16000 6100 3 3400 0',
      pressureUs: 2_500_000,
      df: '/dev/sda1 1000000 930000 10000 99% /',
    }),
  );
  expect(report.windowMs).toBe(3_000);
  expect(report.cpu).toMatchObject({ user: 0.25, system: 0.125, iowait: 0.375, idle: expect.closeTo(0.175) });
  expect(report.cpu?.steal).toBeCloseTo(0.075);
  expect(report.memory).toMatchObject({ swapInPagesPerS: 100, swapOutPagesPerS: 1_000, oomKills: 1 });
  expect(report.network).toMatchObject({ listenOverflows: 12 });
  expect(report.cgroup).toMatchObject({
    cpuLimitCores: 1.5,
    cpuUsedCores: 1,
    throttledRatio: 0.5,
    throttledMs: 600,
    memoryLimitBytes: null,
  });
  expect(report.disks).toEqual([
    expect.objectContaining({
      name: 'sda',
      readsPerS: 10,
      writesPerS: 50,
      readAwaitMs: 30,
      writeAwaitMs: 40,
      utilRatio: 0.8,
      inFlight: 3,
    }),
  ]);
  expect(report.pressure?.cpu).toMatchObject({ someAvg10: 0.1234, some: 0.5 });
  expect(report.filesystems).toMatchObject([{ mount: '/', full: true }]);
});

test('a quiet machine is quiet', () => {
  const report = between(
    machineText(),
    machineText({ uptimeS: 1_003, cpu: 'cpu  1000 0 1000 6200 1000 0 0 100 0 0' }),
  );
  expect(report).toMatchObject({
    cpu: { busy: 0, idle: 1 },
    memory: { swapInPagesPerS: 0, oomKills: 0 },
    network: { listenOverflows: 0 },
    topProcesses: [],
    notSeen: [],
  });
  expect(report.filesystems[0]?.full).toBe(false);
});

test('what the kernel does not report is named, and never a zero', () => {
  const bare = machineText({ pressureUs: null, vmstat: 'pswpin 0\npswpout 0', cgroup: null });
  const report = between(bare, bare);
  expect(report.pressure).toBeNull();
  expect(report.cgroup).toBeNull();
  expect(report.memory.oomKills).toBeNull();
  expect(report.cpu).toBeNull();
  expect(report.notSeen).toContainEqual(
    expect.objectContaining({ what: 'pressure', remedy: expect.stringContaining('psi=1') }),
  );
});

test('the busiest processes are few, and the others are counted', () => {
  const line = (pid: number, ticks: number) =>
    `${pid} (w (x) ${pid}) S 1 1 1 0 -1 0 0 0 0 0 ${ticks} 0 0 0 20 0 1 0 50 0 10 0`;
  const all = (ticks: number) =>
    Array.from({ length: 30 }, (_, i) => line(i + 10, ticks * (i + 1))).join('\n');
  const report = between(
    machineText({ processes: all(0) }),
    machineText({ uptimeS: 1_003, processes: all(10) }),
  );
  expect(report.topProcesses).toHaveLength(8);
  expect(report.processesLeftOut).toBe(22);
  expect(report.topProcesses[0]).toMatchObject({ pid: 39, name: 'w (x) 39', cpuCores: 1, rssBytes: 40_960 });
});

test('an answer that broke off is an error, not an idle machine', async () => {
  const whole = machineText();
  expect(() => machineLookOf(whole.slice(0, whole.indexOf('== processes')))).toThrow(/broke off/);
  expect(() => machineLookOf('')).toThrow(/broke off/);
  expect(() => machineLookOf(machineText({ meminfo: 'MemTotal: 100 kB' }))).toThrow(/broke off/);
});

test('without a host the probe is skipped; a host that fails does not hide the other', async () => {
  const none = testService();
  const signal = AbortSignal.timeout(5_000);
  expect(await runProbe(host, { service: none, targets: {}, windowMs: 10, signal })).toMatchObject({
    status: 'skipped',
  });
  const keyless = {
    host: '127.0.0.1',
    user: 'bot',
    keyFile: '/nowhere/key',
    knownHostsFile: '/nowhere/hosts',
  };
  const two = testService({ targets: { host: { local: {} }, databaseHost: { ssh: keyless } } });
  const report = await withTargets(two, (targets) => reportOf(host, two, targets, 100));
  expect(report.hosts).toMatchObject([{ role: 'api' }]);
  expect(report.notSeen).toMatchObject([
    { what: 'host of the database', reason: expect.stringContaining('private key') },
  ]);
  const broken = testService({ targets: { host: { ssh: keyless } } });
  await expect(withTargets(broken, (targets) => reportOf(host, broken, targets, 100))).rejects.toThrow(
    /private key/,
  );
});
