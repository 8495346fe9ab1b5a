import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { removeWorkers } from '../../src/mitigations/remove-workers.ts';
import { type OpenTargets, openTargets } from '../../src/targets/targets.ts';
import { type GunicornLike, startGunicornLike } from '../helpers/gunicorn-like.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/test-database.ts';
import { serviceOn } from '../helpers/test-service.ts';
import { workersContext, workersTarget } from './workers-scene.ts';

let database: TestDatabase;
let master: GunicornLike;
let targets: OpenTargets;
let service: ReturnType<typeof serviceOn>;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  master = await startGunicornLike(4);
  service = serviceOn(database, {
    mitigations: { minWorkers: 2 },
    targets: { host: { local: { pidFile: master.pidFile }, actions: true, timeout: 8_000 } },
  });
  targets = openTargets(service);
});
afterEach(async () => {
  await targets.close();
  await master.stop();
});

test('workers go, once, and are offered back', async () => {
  const context = workersContext(service, targets);
  const target = await workersTarget(service, targets, 2);
  expect(removeWorkers.describe(target)).toMatch(
    /^Gunicorn master \d+ on this machine with 4 workers: 2 fewer$/,
  );
  const look = await removeWorkers.look(target, context);
  expect(look).toMatchObject({ state: 'same', dryRun: { workers: 4, after: 2, floor: 2 } });
  if (look.state === 'same')
    expect(removeWorkers.describeDryRun(look.dryRun)).toContain('At least 2 workers always stay.');
  expect(await removeWorkers.execute(target, context)).toMatchObject({ effect: 'done', did: { sent: 2 } });
  expect(await removeWorkers.verify(target, context)).toMatchObject({ effect: 'took-place' });
  expect(await removeWorkers.execute(target, context)).toMatchObject({ effect: 'target-changed' });
  expect(await master.signals()).toEqual(['ttou', 'ttou']);
  expect(removeWorkers.reverse?.(target, { sent: 2, workers: 4 })).toMatchObject({
    kind: 'add-workers',
    target: { workers: 2, by: 2 },
  });
}, 40_000);

test('fewer than the floor is refused before anything is looked at', async () => {
  const target = await workersTarget(service, targets, 3);
  expect(await removeWorkers.execute(target, workersContext(service, targets))).toEqual({
    effect: 'target-changed',
    reason: '1 worker would be fewer than the 2 that always stay (mitigations.minWorkers)',
  });
  expect(await master.signals()).toEqual([]);
}, 40_000);

test('a worker that still answers is not called gone, and not called a failure', async () => {
  const target = await workersTarget(service, targets, 1);
  expect(await removeWorkers.verify(target, workersContext(service, targets))).toMatchObject({
    effect: 'unknown',
    detail: expect.stringContaining('may still be answering'),
  });
}, 40_000);
