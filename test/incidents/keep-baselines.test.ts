import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { baselineOf } from '../../src/incidents/baseline-of.ts';
import type { IncidentDeps } from '../../src/incidents/deps.ts';
import { startKeepingBaselines, takeSample } from '../../src/incidents/keep-baselines.ts';
import { normOf } from '../../src/probes/baseline.ts';
import { nPlusOne } from '../../src/probes/n-plus-one.ts';
import { findBaseline } from '../../src/store/baselines.ts';
import { reportOf } from '../helpers/run.ts';
import { type StatementsScene, withStatements } from '../helpers/statements-scene.ts';
import { createWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

/** The domain over the store of the world and the targets of the scene, under a service id of its own. */
function depsFor(scene: StatementsScene): { deps: IncidentDeps; id: string } {
  const id = `api-${randomBytes(4).toString('hex')}`;
  const service = { ...scene.service, id };
  return { id, deps: { ...world.deps, services: new Map([[id, service]]), targets: () => scene.targets } };
}

const never = () => new AbortController().signal;

test('a healthy sample is kept, and a later run finds it', () =>
  withStatements(async (scene) => {
    const { deps, id } = depsFor(scene);
    const keeper = startKeepingBaselines(deps, 0);
    try {
      await scene.within(async () => {
        await scene.lookUpAgency(60);
        scene.serve('account-list', 60);
      });
      await vi.waitFor(async () => expect(await findBaseline(world.db, id)).toBeDefined(), 5_000);
    } finally {
      await keeper.stop();
    }
    const baseline = await baselineOf(deps, id);
    expect(baseline?.api?.rps).toBeGreaterThan(10);
    expect(baseline?.api?.p95Ms).toBeLessThan(200);
    const reporting = reportOf(nPlusOne, scene.service, scene.targets, 1_000);
    await scene.within(() => scene.lookUpAgency(30));
    const [busiest] = (await reporting).busiest;
    const norm = busiest && normOf(baseline, busiest);
    expect(norm?.callsPerRequest).toBeGreaterThan(0.5);
    // The page of this test counts its requests apart from the statements, so the ends of the windows differ a little.
    expect(norm?.callsPerRequest).toBeLessThan(2);
  }));

test('a slow sample, one with failures and one that cannot tell are not kept', () =>
  withStatements(async (scene) => {
    const { deps, id } = depsFor(scene);
    const service = deps.services.get(id);
    if (!service) throw new Error('no service');
    const loads = [
      () => scene.serve('account-list', 60, 0.9),
      () => scene.serve('account-list', 60, 0.04, 500),
    ];
    for (const load of [...loads, () => scene.serve('account-list', 3)]) {
      const sampling = takeSample(deps, service, never());
      await scene.within(async () => load());
      expect(await sampling).toBe(false);
    }
    expect(await findBaseline(world.db, id)).toBeUndefined();
  }));

test('an incident that opens while the sample is taken throws it away', () =>
  withStatements(async (scene) => {
    const { deps, id } = depsFor(scene);
    const service = deps.services.get(id);
    if (!service) throw new Error('no service');
    const sampling = takeSample(deps, service, never());
    await scene.within(async () => {
      scene.serve('account-list', 60);
      await world.db.query("insert into incidents (service, channel, opened_by) values ($1, 'C1', 'U1')", [
        id,
      ]);
    });
    expect(await sampling).toBe(false);
    expect(await findBaseline(world.db, id)).toBeUndefined();
  }));
