import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { unfreeze } from '../../src/incidents/freeze.ts';
import { firstBrokenLink } from '../../src/store/audit.ts';
import { type Model, type Real, START, STEPS } from './life-model.ts';
import { offerNumber } from './test-kind-offers.ts';
import { machine } from './test-kinds.ts';
import { APPROVER, createWorld, type World } from './world.ts';

vi.mock('../../src/mitigations/index.ts', async (original) => {
  const { MITIGATIONS } = await original<typeof import('../../src/mitigations/index.ts')>();
  const { TEST_KINDS } = await import('./test-kinds.ts');
  return { MITIGATIONS: [...MITIGATIONS, ...TEST_KINDS] };
});

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

async function fresh(): Promise<{ model: Model; real: Real }> {
  await unfreeze(world.deps, APPROVER);
  const name = randomUUID();
  const it = machine(name);
  const row = await offerNumber(world, await world.openIncident(), { machine: name, from: 4, to: 5 });
  return { model: { ...START }, real: { world, row, it } };
}

/** Leaves nothing for the sweeps of the runs that follow. */
async function clearAway({ row: { incidentId } }: Real): Promise<void> {
  await world.db.query("update runs set state = 'abandoned' where incident_id = $1", [incidentId]);
  await world.db.query("update incidents set state = 'resolved' where id = $1", [incidentId]);
  await world.db.query(
    "update mitigations set state = 'withdrawn', next_check_at = null where incident_id = $1",
    [incidentId],
  );
}

// In any order: no effect without a valid approval, none twice, nothing leaves the state it ended in.
test('a mitigation lives as its model says, whatever happens to it in whatever order', async () => {
  const reached = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.commands(STEPS, { maxCommands: 40, size: 'max' }), async (commands) => {
      const { model, real } = await fresh();
      await fc.asyncModelRun(() => ({ model, real }), commands);
      reached.add(model.state);
      await clearAway(real);
    }),
    { numRuns: 60, interruptAfterTimeLimit: 15_000, endOnFailure: true },
  );
  expect(await firstBrokenLink(world.db)).toBeNull();
  // The orders that were tried are no trivial ones.
  expect(reached.size).toBeGreaterThan(2);
}, 60_000);

const named = (...names: string[]) =>
  Promise.all(
    names.map(async (name) => {
      const [found] = STEPS.flatMap((step) => fc.sample(step, 1)).filter((step) => step.toString() === name);
      if (!found) throw new Error(`no step ${name}`);
      return found;
    }),
  );

// Random orders seldom come this far; the same model holds along the ways through.
test.each([
  ['verified', 'request', 'approve', 'execute', 'recover', 'execute', 'crash before the effect', 'recover'],
  ['not-recovered', 'request', 'approve', 'execute', 'execute', 'not recover', 'recover', 'sweep'],
  ['succeeded', 'request', 'approve', 'crash after the effect', 'execute', 'silence', 'sweep', 'execute'],
  [
    'failed',
    'request',
    'approve',
    'crash before the effect',
    'stop',
    'silence',
    'sweep',
    'recover',
    'execute',
  ],
  ['failed', 'request', 'approve', 'freeze', 'execute', 'unfreeze', 'execute', 'approve'],
  ['expired', 'request', 'approve', 'expire', 'execute', 'sweep', 'execute', 'approve'],
  ['denied', 'request', 'approve one’s own', 'deny', 'approve', 'execute', 'expire', 'sweep'],
  ['target-changed', 'request', 'approve', 'somebody else changes it', 'execute', 'approve', 'execute'],
])('to %s', async (ends, ...names) => {
  const { model, real } = await fresh();
  for (const step of await named(...names)) await step.run(model, real);
  expect(model.state).toBe(ends);
  await clearAway(real);
});
