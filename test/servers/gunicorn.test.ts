import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { gunicornWorkers } from '../../src/probes/gunicorn-workers.ts';
import { host } from '../../src/probes/host.ts';
import { requestLog } from '../../src/probes/request-log.ts';
import { gunicornLookOf } from '../../src/targets/gunicorn-look.ts';
import { HOST_SCRIPT } from '../../src/targets/host-local.ts';
import { reportOf, withTargets } from '../helpers/run.ts';
import { testService } from '../helpers/test-service.ts';
import { type GunicornOptions, type GunicornServer, startGunicorn } from './gunicorn.ts';

const running: GunicornServer[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
});

async function start(options?: GunicornOptions): Promise<GunicornServer> {
  const server = await startGunicorn(options);
  running.push(server);
  return server;
}

const serviceOf = ({ pidFile, logFile }: GunicornServer) =>
  testService({ targets: { host: { local: { pidFile, logFile } } } });

async function lookAtWorkers(server: GunicornServer, windowMs = 900) {
  const service = serviceOf(server);
  return withTargets(service, (targets) => reportOf(gunicornWorkers, service, targets, windowMs));
}

/** Starts requests that nobody waits for; they end with the server. */
function pile(server: GunicornServer, path: string, count: number): void {
  for (let i = 0; i < count; i += 1) server.request(path).catch(() => undefined);
}

test('idle workers are idle, and nothing waits', async () => {
  const server = await start();
  // The second worker may still be starting.
  const report = await vi.waitFor(async () => {
    const seen = await lookAtWorkers(server);
    expect(seen).toMatchObject({
      master: { pid: server.masterPid },
      workerCount: 2,
      concurrency: 'one',
      doing: { idle: 2 },
      busy: { max: 0, certainty: 'exact' },
      backlog: { max: 0, limit: 2_048 },
      ports: [server.port],
      restarted: false,
      startedInWindow: 0,
      notSeen: [],
    });
    return seen;
  }, 15_000);
  expect(report.workers[0]?.rssBytes).toBeGreaterThan(5_000_000);
  expect(report.headroom?.availableBytes).toBeGreaterThan(0);
});

test('all workers wait for something slow: the queue grows, and the CPU is free', async () => {
  const server = await start();
  pile(server, '/slow?s=6', 7);
  await vi.waitFor(async () => {
    expect((await lookAtWorkers(server, 300)).backlog?.last).toBe(5);
  });
  const report = await lookAtWorkers(server);
  expect(report).toMatchObject({
    doing: { waiting: 2 },
    busy: { average: 2, max: 2, certainty: 'exact' },
    backlog: { average: 5, max: 5 },
    accepted: { average: 2 },
  });
  expect(report.cpuCores).toBeLessThan(0.3);
});

test('a worker that computes is on the CPU, and the host names it', async () => {
  const server = await start();
  pile(server, '/busy?s=20', 1);
  // Beside other suites it may have to wait for half a core of its own.
  const report = await vi.waitFor(async () => {
    const seen = await lookAtWorkers(server, 600);
    expect(seen.doing).toEqual({ cpu: 1, idle: 1 });
    return seen;
  }, 15_000);
  expect(report.workers[0]).toMatchObject({ doing: 'cpu', busyRatio: 1 });
  const service = serviceOf(server);
  const machine = await withTargets(service, (targets) => reportOf(host, service, targets, 900));
  const busiest = machine.hosts[0]?.topProcesses.find(({ pid }) => pid === report.workers[0]?.pid);
  expect(busiest?.cpuCores).toBeGreaterThan(0.3);
  expect(busiest?.name).toBe('gunicorn');
});

test('another worker by TTIN is counted', async () => {
  const server = await start();
  server.signal('SIGTTIN');
  await vi.waitFor(async () => expect((await lookAtWorkers(server, 100)).workerCount).toBe(3), 15_000);
  expect((await lookAtWorkers(server)).startedInWindow).toBe(0);
});

test('threads take many connections, so nobody claims to know who is busy', async () => {
  const server = await start({ workers: 1, args: ['--threads', '4'] });
  pile(server, '/slow?s=25', 3);
  await vi.waitFor(async () => expect((await lookAtWorkers(server, 100)).accepted?.max).toBe(3), 15_000);
  const report = await lookAtWorkers(server);
  expect(report).toMatchObject({ concurrency: 'many', threads: 4, busy: null, doing: { unknown: 1 } });
  expect(report.notSeen).toContainEqual(expect.objectContaining({ what: 'busy workers' }));
});

test('a stale pid file is told from a Gunicorn that is not there', async () => {
  const server = await start();
  const pid = await readFile(server.pidFile, 'utf8');
  await writeFile(server.pidFile, String(process.pid));
  await expect(lookAtWorkers(server)).rejects.toThrow(/belongs to another program/);
  await writeFile(server.pidFile, pid);
});

test('the log names slow and failing requests by their shape, and nothing of the person', async () => {
  const server = await start();
  await server.request('/slow/4711/?s=0.4&email=jane.doe@example.com');
  await server.request('/slow/4712/?s=0.3');
  expect((await server.request('/error/jane.doe@example.com')).status).toBe(500);
  const service = serviceOf(server);
  const report = await withTargets(service, (targets) => reportOf(requestLog, service, targets));
  expect(report).toMatchObject({
    source: 'file',
    cut: false,
    workerTimeouts: 0,
    workerBoots: 2,
    exceptions: [{ name: 'LookupError', count: 1 }],
  });
  expect(report.shapes[0]).toMatchObject({ method: 'GET', path: '/slow/{id}/', count: 2, errors5xx: 0 });
  expect(report.shapes[0]?.maxMs).toBeGreaterThanOrEqual(400);
  expect(report.shapes[0]?.maxMs).toBeLessThan(2_000);
  expect(JSON.stringify(report)).not.toMatch(/jane|4711|127\.0\.0\.1/);
});

test('a worker that is killed for its time-out is counted', async () => {
  const server = await start({ workers: 1, args: ['--timeout', '1'] });
  await server.request('/slow?s=30').catch(() => undefined);
  const service = serviceOf(server);
  await vi.waitFor(
    async () => {
      const report = await withTargets(service, (targets) => reportOf(requestLog, service, targets));
      expect(report.workerTimeouts).toBe(1);
      expect(report.workerBoots).toBe(2);
    },
    { timeout: 10_000 },
  );
  expect((await lookAtWorkers(server, 100)).timeoutS).toBe(1);
});

test('a log without durations says which format would have them', async () => {
  const server = await start({ accessFormat: '%(h)s %(t)s "%(r)s" %(s)s %(b)s' });
  await server.request('/fast');
  const service = serviceOf(server);
  const report = await withTargets(service, (targets) => reportOf(requestLog, service, targets));
  expect(report).toMatchObject({ timed: 0, p95Ms: null });
  expect(report.notSeen).toMatchObject([
    { what: 'durations', remedy: expect.stringContaining('--access-logformat') },
  ]);
});

// Root sees everything; what another user may not see must not become a zero.
test.runIf(process.getuid?.() === 0)(
  'another user sees the queue by the bind address, and says what is hidden',
  async () => {
    const server = await start();
    pile(server, '/slow?s=5', 4);
    const env = { PIDFILE: server.pidFile };
    await chmod(dirname(server.pidFile), 0o755);
    await vi.waitFor(async () => {
      // The sources may stand where that user cannot go, so the script comes over its standard input.
      const script = execFile('/bin/sh', ['-s', 'gunicorn'], { uid: 65_534, gid: 65_534, env, cwd: '/' });
      script.stdin?.end(await readFile(HOST_SCRIPT));
      let output = '';
      script.stdout?.on('data', (chunk: string) => {
        output += chunk;
      });
      await once(script, 'close');
      const look = gunicornLookOf(output);
      expect(look.master?.pid).toBe(server.masterPid);
      expect(look.listen).toMatchObject([{ port: server.port, queued: 2, limit: 2_048 }]);
      expect(look.accepted).toHaveLength(2);
      expect(look.workers.map(({ sockets, pssBytes }) => [sockets, pssBytes])).toEqual([
        [null, null],
        [null, null],
      ]);
    });
  },
);
