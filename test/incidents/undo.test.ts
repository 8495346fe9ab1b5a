import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { freeze, unfreeze } from '../../src/incidents/freeze.ts';
import { resolveIncident } from '../../src/incidents/lead.ts';
import { executeMitigation } from '../../src/incidents/mitigate.ts';
import { requestMitigation } from '../../src/incidents/request.ts';
import { sweep } from '../../src/incidents/sweep.ts';
import { openUndos, proposeUndo } from '../../src/incidents/undo.ts';
import type { Incident } from '../../src/store/incidents.ts';
import { type MitigationRow, mitigationsOf, replaceProposals } from '../../src/store/mitigations.ts';
import type { UndoRow } from '../../src/store/undos.ts';
import { approve, audited, now, request, timelineOf } from './offers.ts';
import { offerNumber } from './test-kind-offers.ts';
import { type Machine, machine } from './test-kinds.ts';
import { APPROVER, ASKER, createWorld, type World } from './world.ts';

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

interface Changed {
  it: Machine;
  incident: Incident;
  row: MitigationRow;
  undo: UndoRow;
}

/** A change from 4 to 5 that was carried out, with its open undo. */
async function changed(values: Partial<Machine> = {}, overrides?: Record<string, unknown>): Promise<Changed> {
  const name = randomUUID();
  const it = machine(name, values);
  const incident = await world.openIncident(overrides);
  const offer = await offerNumber(world, incident, { machine: name, from: 4, to: 5 });
  const row = await approve(world, await request(world, offer));
  await executeMitigation(world.deps, row.id);
  const [undo] = await openUndos(world.db, incident.id);
  if (!undo) throw new Error('no undo');
  return { it, incident, row, undo };
}

async function proposed(undo: UndoRow): Promise<MitigationRow> {
  const answer = await proposeUndo(world.deps, undo.id, ASKER);
  if ('refused' in answer) throw new Error(`refused: ${answer.refused}`);
  return answer.mitigation;
}

test('a change that can be taken back is listed until it is, by its own request and approval', async () => {
  const { it, incident, row, undo } = await changed();
  expect(undo).toMatchObject({
    ...{ mitigationId: row.id, kind: 'set-number', doneBy: ASKER, undoAt: null, closedAt: null },
    changed: row.title,
  });
  const offer = await proposed(undo);
  expect(offer).toMatchObject({ state: 'proposed', undoes: undo.id, dryRun: { value: 5 } });
  // Once more is the same offer; a diagnosis that does not repeat it takes it back as little.
  expect((await proposed(undo)).id).toBe(offer.id);
  await replaceProposals(world.db, incident.id, []);
  await executeMitigation(world.deps, offer.id);
  expect(it.value).toBe(5);
  const back = await approve(world, await request(world, offer));
  await executeMitigation(world.deps, back.id);
  expect(it.value).toBe(4);
  expect(await openUndos(world.db, incident.id)).toEqual([]);
  // An undo opens no undo of its own, and its latency is not judged.
  expect(await now(world, back)).toMatchObject({ state: 'succeeded', nextCheckAt: null });
  expect(await timelineOf(world, incident.id)).toContain('undone');
});

test('an incident that is over keeps what was changed in it listed, and it can still be taken back', async () => {
  const { it, incident, undo } = await changed();
  await resolveIncident(world.deps, incident.id, ASKER);
  expect((await openUndos(world.db)).map(({ id }) => id)).toContain(undo.id);
  const back = await approve(world, await request(world, await proposed(undo)));
  await executeMitigation(world.deps, back.id);
  expect(it.value).toBe(4);
  expect(await openUndos(world.db, incident.id)).toEqual([]);
});

test('what is no longer as it was left is not taken back, and stays listed', async () => {
  const { it, incident, undo } = await changed();
  it.value = 9;
  expect(await proposeUndo(world.deps, undo.id, ASKER)).toMatchObject({ refused: 'target-changed' });
  expect(await openUndos(world.db, incident.id)).toHaveLength(1);
  expect(await proposeUndo(world.deps, 999_999, ASKER)).toEqual({ refused: 'not-found' });
});

describe('a change for a while', () => {
  const past = () => new Date(Date.now() - 1_000).toISOString();
  const minute = () => new Date(Date.now() + 60_000).toISOString();
  /** The undo that the sweep made of it. */
  const covered = async ({ incident }: Changed) =>
    (await mitigationsOf(world.db, incident.id)).filter(({ coveredBy }) => coveredBy !== null);

  test('is taken back when it is over, once, because its approval covered that', async () => {
    const the = await changed({ until: past() });
    await Promise.all([sweep(world.deps, { starting: false }), sweep(world.deps, { starting: false })]);
    const [back, ...more] = await covered(the);
    if (!back) throw new Error('nothing was made');
    expect(more).toEqual([]);
    expect(back).toMatchObject({ state: 'approved', coveredBy: the.row.id });
    expect(world.bell.actions).toContain(back.id);
    // Whoever approved it has left meanwhile.
    world.people.demote(APPROVER);
    await Promise.all([executeMitigation(world.deps, back.id), executeMitigation(world.deps, back.id)]);
    world.people.add(APPROVER, ['SAPPROVERS']);
    expect(the.it).toMatchObject({ value: 4, set: 2 });
    expect(await audited(world, `mitigation:${back.id}`)).toEqual([
      'mitigation.approved with time box',
      'mitigation.executing',
      'mitigation.succeeded',
    ]);
    expect(await openUndos(world.db, the.incident.id)).toEqual([]);
    await sweep(world.deps, { starting: false });
    expect(await covered(the)).toHaveLength(1);
  });

  test('is left alone before that', async () => {
    const the = await changed({ until: minute() });
    await sweep(world.deps, { starting: false });
    expect(await covered(the)).toEqual([]);
    expect(the.undo.undoAt).not.toBeNull();
  });

  test('waits for the end of a freeze', async () => {
    const the = await changed({ until: past() });
    expect(await freeze(world.deps, APPROVER, 'a release is under way')).toHaveProperty('freeze');
    await sweep(world.deps, { starting: false });
    expect(await covered(the)).toEqual([]);
    await unfreeze(world.deps, APPROVER);
    await sweep(world.deps, { starting: false });
    expect(await covered(the)).toHaveLength(1);
  });

  test('is tried again when it came to nothing, and left to people when it is another by now', async () => {
    const the = await changed({ until: past() });
    await sweep(world.deps, { starting: false });
    const [first] = await covered(the);
    await world.db.query("update mitigations set state = 'failed' where id = $1", [first?.id]);
    await sweep(world.deps, { starting: false });
    expect(await covered(the)).toHaveLength(1);
    await world.db.query('update undos set next_try_at = clock_timestamp() where id = $1', [the.undo.id]);
    await sweep(world.deps, { starting: false });
    const [, second] = await covered(the);
    if (!second) throw new Error('it was not tried again');
    the.it.value = 9;
    await executeMitigation(world.deps, second.id);
    expect((await now(world, second)).state).toBe('target-changed');
    expect(await openUndos(world.db, the.incident.id)).toMatchObject([{ undoAt: null }]);
  });
});

describe('limits', () => {
  const again = async (incident: Incident, kind = 'set-number') => {
    const name = randomUUID();
    machine(name);
    return offerNumber(world, incident, { machine: name, from: 4, to: 5 }, kind);
  };
  const ask = (row: MitigationRow) => requestMitigation(world.deps, row.id, row.version, ASKER, 'needed now');

  test('per incident and sort; another sort is not bounded by it, nor is taking back', async () => {
    const { it, incident, undo } = await changed({}, { mitigations: { limits: { workers: 1 } } });
    const refusal = { refused: 'budget-used', what: 'workers', limit: 1 };
    expect(await ask(await again(incident))).toEqual(refusal);
    expect(await ask(await again(incident, 'set-index'))).toHaveProperty('mitigation');
    const back = await approve(world, await request(world, await proposed(undo)));
    await executeMitigation(world.deps, back.id);
    expect(it.value).toBe(4);
  });

  test('per hour, over all incidents and sorts of the service', async () => {
    const { row, incident } = await changed({}, { mitigations: { maxPerHour: 1 } });
    const next = await again(incident, 'set-index');
    expect(await ask(next)).toEqual({ refused: 'budget-used', what: 'hour', limit: 1 });
    await world.db.query(
      "update mitigations set claimed_at = claimed_at - interval '61 minutes' where id = $1",
      [row.id],
    );
    expect(await ask(next)).toHaveProperty('mitigation');
  });

  test('one index build at a time, also while the outcome of the last is unknown', async () => {
    const incident = await world.openIncident();
    const first = await approve(world, await request(world, await again(incident, 'set-index')));
    const second = await approve(world, await request(world, await again(incident, 'set-index')));
    await world.db.query(
      "update mitigations set state = 'interrupted', claim = gen_random_uuid(), claimed_at = now() where id = $1",
      [first.id],
    );
    expect(await ask(await again(incident, 'set-index'))).toMatchObject({ what: 'index-build' });
    await executeMitigation(world.deps, second.id);
    expect(await now(world, second)).toMatchObject({
      ...{ state: 'failed', claim: null },
      detail: expect.stringMatching(/another index build.*nothing was done/),
    });
  });
});
