import { afterAll, beforeAll, expect, test } from 'vitest';
import { decideMitigation } from '../../src/incidents/decide.ts';
import { resolveIncident } from '../../src/incidents/lead.ts';
import { executeMitigation } from '../../src/incidents/mitigate.ts';
import { closeRun, performProbe, startRun } from '../../src/incidents/run.ts';
import { sweep } from '../../src/incidents/sweep.ts';
import { PROBES } from '../../src/probes/index.ts';
import { firstBrokenLink } from '../../src/store/audit.ts';
import { idleInTransaction, now, offer, request } from './offers.ts';
import { APPROVERS, ASKER, createWorld, type World } from './world.ts';

const signal = new AbortController().signal;

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

const users = Array.from({ length: 5 }, (_, i) => `UBOSS${i}`);

test('people, runs and sweeps that meet on the same rows wait for each other, and never in a circle', async () => {
  for (const user of users) world.people.add(user, [APPROVERS]);
  const sessions = await Promise.all(Array.from({ length: 3 }, () => idleInTransaction(world)));

  for (let round = 0; round < 6; round += 1) {
    const approvals = { approvers: [APPROVERS], quorum: users.length };
    const incident = await world.openIncident({ approvals });
    const asked = [];
    for (const row of await offer(world, incident, sessions)) asked.push(await request(world, row));
    const run = await startRun(world.deps, incident, {
      kind: 'triage',
      requestedBy: ASKER,
      mitigationId: null,
    });
    if (!run) throw new Error('no run');
    await world.db.query('update runs set deadline_at = now() where id = $1', [run.id]);
    // One of the three is over already: the sweep and the others reach for the same rows.
    await world.db.query('update mitigations set expires_at = now() where id = $1', [asked[0]?.id]);

    const decisions = asked.flatMap(({ id: mitigationId, version }) =>
      users.map((userId) =>
        decideMitigation(world.deps, { mitigationId, version, userId, decision: 'approve' }),
      ),
    );
    await Promise.all([
      ...decisions,
      ...Object.keys(PROBES).map((id) =>
        performProbe({ ...world.deps, targets: () => ({}) }, run.id, id, signal),
      ),
      closeRun(world.deps, run.id),
      sweep(world.deps, { starting: true }),
      ...asked.map(({ id }) => executeMitigation({ ...world.deps, targets: () => ({}) }, id)),
      ...(round % 2 === 0 ? [resolveIncident(world.deps, incident.id, ASKER)] : []),
    ]);
    for (const row of asked) expect((await now(world, row)).state).not.toBe('proposed');
  }
  expect(await firstBrokenLink(world.db)).toBeNull();
}, 30_000);
