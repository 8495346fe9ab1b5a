import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { resolveIncident, takeLead } from '../../src/incidents/lead.ts';
import { executeMitigation } from '../../src/incidents/mitigate.ts';
import { findIncident } from '../../src/store/incidents.ts';
import { approve, audited, idleInTransaction, lives, now, offer, request, timelineOf } from './offers.ts';
import { ASKER, createWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
  world.people.add('UGUEST', [], false);
});
beforeEach(() => {
  world.people.down = false;
});
afterAll(() => world.close());

test('a member takes the lead, a guest and an unknown person do not', async () => {
  const { id } = await world.openIncident();
  expect(await takeLead(world.deps, id, 'UBOSS')).toMatchObject({ incident: { lead: 'UBOSS' } });
  expect(await takeLead(world.deps, id, 'UGUEST')).toEqual({ refused: 'not-a-member' });
  expect(await resolveIncident(world.deps, id, 'UGUEST')).toEqual({ refused: 'not-a-member' });
  world.people.down = true;
  expect(await takeLead(world.deps, id, ASKER)).toEqual({ refused: 'people-unknown' });
  expect(await resolveIncident(world.deps, id, ASKER)).toEqual({ refused: 'people-unknown' });
  expect(await findIncident(world.db, id)).toMatchObject({ lead: 'UBOSS', state: 'investigating' });
  expect(await takeLead(world.deps, 987_654, ASKER)).toEqual({ refused: 'not-found' });
});

test('of ten who resolve it at once one does; the others hear that it is over', async () => {
  const { id } = await world.openIncident();
  const answers = await Promise.all(Array.from({ length: 10 }, () => resolveIncident(world.deps, id, ASKER)));
  expect(answers.filter((answer) => 'incident' in answer)).toHaveLength(1);
  expect(answers.filter((answer) => 'refused' in answer && answer.refused === 'incident-over')).toHaveLength(
    9,
  );
  expect(await timelineOf(world, id)).toEqual(['opened', 'resolved']);
  expect(await audited(world, `incident:${id}`)).toEqual(['incident.opened', 'incident.resolved']);
  expect(await takeLead(world.deps, id, 'UBOSS')).toEqual({ refused: 'incident-over' });
});

test('with it goes everything on offer, asked for and approved; nothing of that is carried out', async () => {
  const incident = await world.openIncident();
  const sessions = await Promise.all(Array.from({ length: 3 }, () => idleInTransaction(world)));
  const [proposed, asked, approved] = await offer(world, incident, sessions);
  if (!proposed || !asked || !approved) throw new Error('not enough offers');
  await request(world, asked);
  await approve(world, await request(world, approved));

  await Promise.all([
    resolveIncident(world.deps, incident.id, ASKER),
    resolveIncident(world.deps, incident.id, ASKER),
  ]);
  for (const row of [proposed, asked, approved]) {
    expect(await now(world, row)).toMatchObject({ state: 'withdrawn', detail: 'the incident was resolved' });
    await executeMitigation(world.deps, row.id);
  }
  for (const session of sessions) expect(await lives(world, session)).toBe(true);
});
