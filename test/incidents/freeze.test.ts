import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { decideMitigation } from '../../src/incidents/decide.ts';
import { freeze, freezeState, unfreeze } from '../../src/incidents/freeze.ts';
import { executeMitigation } from '../../src/incidents/mitigate.ts';
import { requestMitigation } from '../../src/incidents/request.ts';
import { loadIncidentView } from '../../src/incidents/view.ts';
import { openDatabase } from '../../src/store/database.ts';
import { freezeAtClaim } from '../../src/store/freeze.ts';
import { findIncident } from '../../src/store/incidents.ts';
import { approve, audited, lives, now, offered, request, timelineOf } from './offers.ts';
import { APPROVER, APPROVERS, ASKER, createWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
  world.people.add('UGUEST', [APPROVERS], false);
  world.people.add('UOUTSIDE');
});
afterEach(async () => {
  world.people.down = false;
  world.people.add(APPROVER, [APPROVERS]);
  await world.db.query("update freezes set lifted_at = now(), lifted_by = 'test' where lifted_at is null");
});
afterAll(() => world.close());

test('a freeze between approval and claim: nothing is done, and the card says why', async () => {
  const { session, mitigation } = await offered(world);
  const approved = await approve(world, await request(world, mitigation));
  expect(await freeze(world.deps, ASKER, 'the failover is under way')).toMatchObject({
    freeze: { by: ASKER, reason: 'the failover is under way' },
  });
  await executeMitigation(world.deps, approved.id);
  expect(await now(world, approved)).toMatchObject({
    state: 'failed',
    claim: null,
    detail: expect.stringContaining('frozen'),
  });
  expect(await lives(world, session)).toBe(true);
  expect((await audited(world, `mitigation:${approved.id}`)).at(-1)).toBe('mitigation.refused');
});

test('while frozen nothing can be asked for or approved, and both are told who froze; a no still counts', async () => {
  const { mitigation: open } = await offered(world);
  const { mitigation } = await offered(world);
  const row = await request(world, mitigation);
  await freeze(world.deps, ASKER, 'wait');
  const frozen = { refused: 'frozen', by: ASKER, reason: 'wait' };
  expect(await requestMitigation(world.deps, open.id, open.version, ASKER, 'it blocks')).toEqual(frozen);
  const decide = (decision: 'approve' | 'deny') =>
    decideMitigation(world.deps, { mitigationId: row.id, version: row.version, userId: APPROVER, decision });
  expect(await decide('approve')).toEqual(frozen);
  expect((await now(world, row)).state).toBe('requested');
  expect(await decide('deny')).toMatchObject({ outcome: 'denied' });
});

test('it is in the store: another process sees it, and every open incident is shown anew', async () => {
  const incident = await world.openIncident();
  const before = (await findIncident(world.db, incident.id))?.revision ?? 0;
  await freeze(world.deps, ASKER, 'wait');
  const other = await openDatabase(world.store.appUrl, () => undefined);
  try {
    expect(await freezeState(other)).toMatchObject({ by: ASKER, reason: 'wait' });
  } finally {
    await other.close();
  }
  expect((await findIncident(world.db, incident.id))?.revision).toBeGreaterThan(before);
  expect((await loadIncidentView(world.deps, incident.id))?.freeze).toMatchObject({ by: ASKER });
  await unfreeze(world.deps, APPROVER);
  expect((await loadIncidentView(world.deps, incident.id))?.freeze).toBeNull();
  expect((await timelineOf(world, incident.id)).slice(-2)).toEqual(['frozen', 'unfrozen']);
});

test('once frozen it stays the freeze of the first; twenty at once make one', async () => {
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) => freeze(world.deps, ASKER, `reason ${i}`)),
  );
  const made = answers.filter((answer) => 'freeze' in answer);
  expect(made).toHaveLength(1);
  expect(answers.filter((answer) => 'refused' in answer && answer.refused === 'already-frozen')).toHaveLength(
    19,
  );
  expect(await unfreeze(world.deps, APPROVER)).toMatchObject({ freeze: { by: ASKER } });
  expect(await unfreeze(world.deps, APPROVER)).toEqual({ refused: 'not-frozen' });
  expect(await freezeState(world.db)).toBeNull();
});

test('requesters freeze, only approvers lift it, and refusals are proven', async () => {
  await world.openIncident();
  expect(await freeze(world.deps, 'UGUEST', 'x')).toEqual({ refused: 'not-a-member' });
  expect(await freeze(world.deps, 'UWHO', 'x')).toEqual({ refused: 'people-unknown' });
  expect(await freezeState(world.db)).toBeNull();
  await freeze(world.deps, 'UOUTSIDE', 'x');
  expect(await unfreeze(world.deps, 'UOUTSIDE')).toEqual({
    refused: 'not-an-approver',
    allowed: [APPROVERS],
  });
  world.people.down = true;
  expect(await unfreeze(world.deps, APPROVER)).toEqual({ refused: 'people-unknown' });
  expect(await freezeState(world.db)).toMatchObject({ by: 'UOUTSIDE' });
  const kinds = await audited(world, 'freeze');
  expect(kinds).toEqual(Array(4).fill('freeze.refused'));
});

test('a freeze waits for the claim that is under way: what comes after it sees it', async () => {
  const order: string[] = [];
  let letGo: () => void = () => undefined;
  const held = new Promise<void>((done) => {
    letGo = done;
  });
  let seen: () => void = () => undefined;
  const looked = new Promise<void>((done) => {
    seen = done;
  });
  const claim = world.db.transaction(async (db) => {
    expect(await freezeAtClaim(db)).toBeNull();
    seen();
    await held;
    order.push('claimed');
  });
  await looked;
  const freezing = freeze(world.deps, ASKER, 'wait').then(() => order.push('frozen'));
  await expect
    .poll(async () => {
      const { rows } = await world.store.query<{ n: number }>(
        "select count(*)::int as n from pg_locks where locktype = 'advisory' and not granted and database = (select oid from pg_database where datname = current_database())",
      );
      return rows[0]?.n;
    })
    .toBeGreaterThan(0);
  letGo();
  await Promise.all([claim, freezing]);
  expect(order).toEqual(['claimed', 'frozen']);
});
