import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { addWorkers } from '../../src/mitigations/add-workers.ts';
import { ceilingOf, describeRoom, lacksOf, type WorkerRoom } from '../../src/mitigations/worker-room.ts';
import { type OpenTargets, openTargets } from '../../src/targets/targets.ts';
import { type GunicornLike, startGunicornLike } from '../helpers/gunicorn-like.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/test-database.ts';
import { serviceOn, testService } from '../helpers/test-service.ts';
import { workersContext, workersTarget } from './workers-scene.ts';

const room = (overrides: Partial<WorkerRoom> = {}): WorkerRoom => ({
  ...{ workers: 4, after: 5, ceiling: 9 },
  machine: { cores: 4, idleRatio: 0.6, availableBytes: 4e9, workerBytes: 1e8 },
  connections: { used: 20, usable: 97, needed: 1, lockWaiters: 0 },
  ...overrides,
});

describe('room for another worker', () => {
  const service = testService();

  test('is there, or what lacks is named', () => {
    expect(lacksOf(room(), service)).toEqual([]);
    expect(lacksOf(room({ after: 10 }), service)).toEqual([
      expect.stringContaining('10 workers would be more than the 9 of twice the cores plus one'),
    ]);
    const machine = { cores: 4, idleRatio: 0.1, availableBytes: 2e8, workerBytes: 1e8 };
    expect(lacksOf(room({ machine }), service)).toEqual([
      'only 10 % of its CPU is idle',
      'only 191 MB of memory are available',
    ]);
    const connections = { used: 90, usable: 97, needed: 1, lockWaiters: 3 };
    expect(lacksOf(room({ connections }), service)).toEqual([
      '93 % of the connections are used',
      '3 sessions wait for locks',
    ]);
  });

  test('what could not be seen is no room', () => {
    expect(lacksOf(room({ machine: null, connections: null }), service)).toHaveLength(2);
  });

  test('the ceiling is the configured one, or that of the documentation of Gunicorn', () => {
    expect(ceilingOf(service, 4)).toBe(9);
    expect(ceilingOf(testService({ mitigations: { maxWorkers: 20 } }), 4)).toBe(20);
  });

  test('is told in lines, with what takes it back by itself', () => {
    expect(describeRoom(room())).toEqual([
      '4 → 5 workers, of 9 at most, one after the other.',
      '3.7 GB of memory are available; a worker has about 95 MB.',
      '60 % of 4 cores are idle.',
      'Up to 1 more database connections; 20 of 97 are used.',
      'A reload (HUP), a restart or a deploy returns to the configured number.',
    ]);
  });
});

describe('on a process that calls itself Gunicorn', () => {
  let database: TestDatabase;
  let master: GunicornLike;
  let targets: OpenTargets;
  let service: ReturnType<typeof serviceOn>;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    master = await startGunicornLike(2);
    service = serviceOn(database, {
      thresholds: { spareCpuRatio: 0 },
      mitigations: { maxWorkers: 4 },
      targets: { host: { local: { pidFile: master.pidFile }, actions: true, timeout: 8_000 } },
    });
    targets = openTargets(service);
  });
  afterEach(async () => {
    await targets.close();
    await master.stop();
  });

  test('one more is added once, seen to be up, and offered back', async () => {
    const context = workersContext(service, targets);
    const target = await workersTarget(service, targets, 1);
    expect(target).toMatchObject({ pid: master.pid, workers: 2, by: 1, host: 'this machine' });
    expect(await addWorkers.verify(target, context)).toMatchObject({ effect: 'did-not-take-place' });
    const effect = await addWorkers.execute(target, context);
    expect(effect).toMatchObject({ effect: 'done', did: { sent: 1, workers: 3 } });
    expect(await addWorkers.verify(target, context)).toMatchObject({ effect: 'took-place' });
    expect(await addWorkers.execute(target, context)).toMatchObject({ effect: 'target-changed' });
    expect(await master.signals()).toEqual(['ttin']);
    expect(addWorkers.reverse?.(target, { sent: 1, workers: 3 })).toMatchObject({
      kind: 'remove-workers',
      target: { pid: master.pid, workers: 3, by: 1 },
    });
    expect(addWorkers.reverse?.(target, { sent: 1, workers: 2 })).toBeNull();
  }, 40_000);

  test('above the ceiling nothing happens', async () => {
    const target = await workersTarget(service, targets, 3);
    expect(await addWorkers.execute(target, workersContext(service, targets))).toEqual({
      effect: 'target-changed',
      reason: expect.stringContaining('5 workers would be more than the 4 of mitigations.maxWorkers'),
    });
    expect(await master.signals()).toEqual([]);
  }, 40_000);
});

test('where the host is for looking only, or is not configured, it is not to be had', () => {
  expect(addWorkers.unavailable(testService())).toContain('targets.host');
  const host = { local: { pidFile: '/run/gunicorn.pid' } };
  expect(addWorkers.unavailable(testService({ targets: { host } }))).toContain('targets.host.actions');
  expect(addWorkers.unavailable(testService({ targets: { host: { ...host, actions: true } } }))).toBeNull();
});
