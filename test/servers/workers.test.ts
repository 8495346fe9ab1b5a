import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { addWorkers } from '../../src/mitigations/add-workers.ts';
import type { MitigationContext } from '../../src/mitigations/mitigation.ts';
import { removeWorkers } from '../../src/mitigations/remove-workers.ts';
import { hostTitleOf, WorkersTarget } from '../../src/mitigations/workers.ts';
import { gunicornWorkers } from '../../src/probes/gunicorn-workers.ts';
import { gunicornLookOf } from '../../src/targets/gunicorn-look.ts';
import { HOST_SCRIPT } from '../../src/targets/host-local.ts';
import { type OpenTargets, openTargets } from '../../src/targets/targets.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/test-database.ts';
import { serviceOn } from '../helpers/test-service.ts';
import { type GunicornOptions, type GunicornServer, startGunicorn } from './gunicorn.ts';
import { type SshServer, startSshd } from './sshd.ts';

const run = promisify(execFile);

let database: TestDatabase;
let sshd: SshServer;
const gunicorns: GunicornServer[] = [];
const opened: OpenTargets[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
  sshd = await startSshd();
});
afterEach(async () => {
  for (const targets of opened.splice(0)) await targets.close();
  for (const gunicorn of gunicorns.splice(0)) await gunicorn.stop();
});
afterAll(async () => {
  await sshd.stop();
  await database.close();
});

async function start(options?: GunicornOptions): Promise<GunicornServer> {
  const gunicorn = await startGunicorn(options);
  gunicorns.push(gunicorn);
  return gunicorn;
}

interface Scene {
  context: MitigationContext;
  /** The snapshot that a proposal would carry, taken by the probe itself. */
  target(by: number): Promise<WorkersTarget>;
}

/** A machine that runs tests has no idle CPU, and none of that is what these tests are about. */
const ANY_CPU = { thresholds: { spareCpuRatio: 0 }, mitigations: { maxWorkers: 12 } };

function sceneOf(host: Record<string, unknown>, overrides: Record<string, unknown> = ANY_CPU): Scene {
  const service = serviceOn(database, { ...overrides, targets: { host: { timeout: 8_000, ...host } } });
  const targets = openTargets(service);
  opened.push(targets);
  const context = { service, targets, signal: AbortSignal.timeout(60_000) };
  return {
    context,
    async target(by) {
      const report = await gunicornWorkers.run({ ...context, windowMs: 200 });
      expect(report.control?.acts).toBe('yes');
      expect(hostTitleOf(service)).toBe(targets.host?.title);
      return WorkersTarget.parse({
        ...{ pid: report.master.pid, startTicks: report.master.startTicks },
        ...{ command: report.control?.command, workers: report.workerCount },
        ...{ host: targets.host?.title, by },
      });
    },
  };
}

const local = ({ pidFile }: GunicornServer) => ({ local: { pidFile }, actions: true });
const ssh = () => {
  const { host, port, user, keyFile, knownHostsFile } = sshd;
  return { ssh: { host, port, user, keyFile, knownHostsFile }, actions: true };
};

async function workersOf({ context }: Scene): Promise<number> {
  const look = await context.targets.host?.look('gunicorn', AbortSignal.timeout(10_000));
  return gunicornLookOf(look ?? '').workers.length;
}
const settled = (scene: Scene, workers: number) =>
  vi.waitFor(async () => expect(await workersOf(scene)).toBe(workers), { timeout: 20_000, interval: 200 });

/** The signals that Gunicorn says it handled. */
async function handled({ logFile }: GunicornServer): Promise<string[]> {
  const { stdout } = await run('sed', ['-n', 's/.*Handling signal: \\(tt.*\\)$/\\1/p', logFile]);
  return stdout.trim().split('\n').filter(Boolean);
}

test('two workers are added under load, seen to be up, and taken back', async () => {
  const gunicorn = await start();
  for (let i = 0; i < 8; i += 1) gunicorn.request('/slow?s=20').catch(() => undefined);
  const scene = sceneOf(local(gunicorn));
  await settled(scene, 2);
  const target = await scene.target(2);
  expect(addWorkers.describe(target)).toBe(
    `Gunicorn master ${gunicorn.masterPid} on this machine with 2 workers: 2 more`,
  );
  const look = await addWorkers.look(target, scene.context);
  expect(look).toMatchObject({ state: 'same', dryRun: { workers: 2, after: 4, connections: { needed: 2 } } });

  const effect = await addWorkers.execute(target, scene.context);
  expect(effect).toMatchObject({ effect: 'done', did: { sent: 2, workers: 4 } });
  expect(await handled(gunicorn)).toEqual(['ttin', 'ttin']);
  expect(await addWorkers.verify(target, scene.context)).toMatchObject({
    effect: 'took-place',
    detail: expect.stringMatching(/^4 workers; 4 connections wait for one, all of them up$/),
  });

  const did = effect.effect === 'done' ? (effect.did ?? {}) : {};
  const reverse = addWorkers.reverse?.(target, did);
  expect(reverse).toMatchObject({ kind: 'remove-workers', target: { workers: 4, by: 2 } });
  const back = removeWorkers.target.parse(reverse?.target);
  // All are busy for longer than anybody waits here: they go when they have answered, or when the time for that is over.
  expect(await removeWorkers.look(back, scene.context)).toMatchObject({
    state: 'same',
    dryRun: { workers: 4, after: 2, floor: 1, busy: 4, backlog: 4 },
  });
  expect(await removeWorkers.execute(back, scene.context)).toMatchObject({
    effect: 'done',
    did: { sent: 2 },
  });
  await settled(scene, 2);
  expect(await removeWorkers.verify(back, scene.context)).toMatchObject({ effect: 'took-place' });
  expect(await handled(gunicorn)).toEqual(['ttin', 'ttin', 'ttou', 'ttou']);
});

test('a second execution of the same finds another number of workers, and does nothing', async () => {
  const gunicorn = await start();
  const scene = sceneOf(local(gunicorn));
  await settled(scene, 2);
  const target = await scene.target(1);
  expect(await addWorkers.execute(target, scene.context)).toMatchObject({ effect: 'done' });
  expect(await addWorkers.execute(target, scene.context)).toEqual({
    effect: 'target-changed',
    reason: expect.stringMatching(/^Gunicorn has 3 workers by now, not 2/),
  });
  // What a crash in between leaves is settled by counting.
  expect(await addWorkers.verify(target, scene.context)).toMatchObject({ effect: 'took-place' });
  expect(await handled(gunicorn)).toEqual(['ttin']);
});

test('the process that signals looks again itself: somebody else was quicker', async () => {
  const gunicorn = await start();
  const scene = sceneOf(local(gunicorn));
  await settled(scene, 2);
  const target = await scene.target(1);
  gunicorn.signal('SIGTTIN');
  await settled(scene, 3);
  const host = scene.context.targets.host;
  expect(await host?.signalMaster('ttin', target, 1, AbortSignal.timeout(20_000))).toEqual({
    result: 'changed',
    reason: expect.stringContaining('3 workers by now, not 2'),
  });
  expect(
    await host?.signalMaster('ttin', { ...target, workers: 3, command: '1' }, 1, AbortSignal.timeout(20_000)),
  ).toMatchObject({ result: 'changed', reason: expect.stringContaining('another command line') });
  expect(
    await host?.signalMaster(
      'ttin',
      { ...target, startTicks: target.startTicks + 1 },
      1,
      AbortSignal.timeout(20_000),
    ),
  ).toMatchObject({ result: 'changed', reason: expect.stringContaining('restarted') });
  expect(await workersOf(scene)).toBe(3);
  expect(await handled(gunicorn)).toEqual(['ttin']);
});

test('a master that was restarted is another one, and gets no signal', async () => {
  const gunicorn = await start();
  const scene = sceneOf(local(gunicorn));
  await settled(scene, 2);
  const target = await scene.target(1);
  const other = await start();
  await writeFile(gunicorn.pidFile, `${other.masterPid}\n`);
  const changed = {
    effect: 'target-changed',
    reason: expect.stringContaining(`another master by now, pid ${other.masterPid}`),
  };
  expect(await addWorkers.execute(target, scene.context)).toEqual(changed);
  expect(await addWorkers.verify(target, scene.context)).toMatchObject({ effect: 'did-not-take-place' });
  expect([...(await handled(gunicorn)), ...(await handled(other))]).toEqual([]);
  await writeFile(gunicorn.pidFile, `${gunicorn.masterPid}\n`);
});

test('a pid that is gone, and one that is no Gunicorn or only a worker, get no signal', async () => {
  const gunicorn = await start();
  const scene = sceneOf(local(gunicorn));
  await settled(scene, 2);
  const target = await scene.target(1);
  const { stdout } = await run('sh', ['-c', 'sleep 0 & echo $!; wait']);
  const worker = (await gunicornWorkers.run({ ...scene.context, windowMs: 200 })).workers[0];
  const signal = () => AbortSignal.timeout(20_000);
  for (const [pid, words] of [
    [Number(stdout.trim()), 'is gone'],
    [process.pid, 'belongs to another program'],
    [worker?.pid ?? 0, 'is no master of Gunicorn'],
  ] as const) {
    await writeFile(gunicorn.pidFile, `${pid}\n`);
    const startTicks = pid === worker?.pid ? worker.startTicks : target.startTicks;
    const answer = await scene.context.targets.host?.signalMaster(
      'ttin',
      { ...target, pid, startTicks },
      1,
      signal(),
    );
    expect(answer).toEqual({ result: 'changed', reason: expect.stringContaining(words) });
  }
  await writeFile(gunicorn.pidFile, `${gunicorn.masterPid}\n`);
  expect(await handled(gunicorn)).toEqual([]);
  expect(await workersOf(scene)).toBe(2);
});

test('no worker more than the ceiling, and none less than the floor', async () => {
  const gunicorn = await start();
  const scene = sceneOf(local(gunicorn), {
    thresholds: { spareCpuRatio: 0 },
    mitigations: { maxWorkers: 3, minWorkers: 2 },
  });
  await settled(scene, 2);
  const target = await scene.target(2);
  expect(await addWorkers.execute(target, scene.context)).toEqual({
    effect: 'target-changed',
    reason: expect.stringContaining('4 workers would be more than the 3 of mitigations.maxWorkers'),
  });
  expect(await removeWorkers.execute({ ...target, by: 1 }, scene.context)).toEqual({
    effect: 'target-changed',
    reason: expect.stringContaining('fewer than the 2 that always stay'),
  });
  expect(await handled(gunicorn)).toEqual([]);
});

test('over ssh: only with actions on both sides, and then the same way', async () => {
  const gunicorn = await start();
  await sshd.configure([`PIDFILE=${gunicorn.pidFile}`, 'ACTIONS=yes']);
  const scene = sceneOf(ssh());
  await settled(scene, 2);
  const target = await scene.target(1);
  await sshd.configure([`PIDFILE=${gunicorn.pidFile}`]);
  expect(await addWorkers.execute(target, scene.context)).toEqual({
    effect: 'target-changed',
    reason: 'the host is for looking only by now',
  });
  const signal = () => AbortSignal.timeout(20_000);
  await expect(scene.context.targets.host?.signalMaster('ttin', target, 1, signal())).rejects.toMatchObject({
    code: 'target-permission',
    userMessage: expect.stringContaining('ACTIONS=yes'),
  });
  const lookOnly = sceneOf({ ...ssh(), actions: false });
  await expect(
    lookOnly.context.targets.host?.signalMaster('ttin', target, 1, signal()),
  ).rejects.toMatchObject({
    code: 'not-configured',
  });
  expect(addWorkers.unavailable(lookOnly.context.service)).toContain('targets.host.actions');

  await sshd.configure([`PIDFILE=${gunicorn.pidFile}`, 'ACTIONS=yes']);
  expect(await addWorkers.execute(target, scene.context)).toMatchObject({
    effect: 'done',
    did: { sent: 1, workers: 3 },
  });
  expect(await addWorkers.verify(target, scene.context)).toMatchObject({ effect: 'took-place' });
  expect(await handled(gunicorn)).toEqual(['ttin']);
  const examined = await scene.context.targets.host?.examine(signal());
  expect(examined).toContainEqual(expect.objectContaining({ id: 'host:act', met: true }));
});

test.each([
  'ttin',
  'ttin 1 2 3 4',
  'ttin 2 2 3 4 5',
  'ttin 1 2 3 4 1',
  'ttin 02 2 3 4 1',
  'ttin  2 2 3 4 1',
  'ttin 2 2 3 4 1 ',
  'ttin 2 2 3 4 1;id',
  'ttin 2 2 3 4 $(id)',
  'ttin 2 2 3 4 -1',
  'ttin -9 2 3 4 1',
  'ttin 2 2 3 4 1\nid',
  'ttou 2 2 3 1 1',
  'ttou 2 2 3 2 3',
  'hup 2 2 3 4 1',
  'kill 2',
  'ttin 2 2 3 4444444444444444 1',
  'TTIN 2 2 3 4 1',
  '',
])('the script refuses %j', async (words) => {
  const env = { PATH: '/usr/bin:/bin', ACTIONS: 'yes', PIDFILE: '/nonexistent' };
  await expect(run('/bin/sh', [HOST_SCRIPT, words], { env })).rejects.toMatchObject({ code: 64, stdout: '' });
});
