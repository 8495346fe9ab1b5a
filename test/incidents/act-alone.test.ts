import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { breakGlassMessage } from '../../src/blocks/break-glass.ts';
import { slotsOf } from '../../src/blocks/slots.ts';
import { actAlone } from '../../src/incidents/act-alone.ts';
import { freeze } from '../../src/incidents/freeze.ts';
import { executeMitigation } from '../../src/incidents/mitigate.ts';
import { loadIncidentView } from '../../src/incidents/view.ts';
import { approvalsOf, type MitigationRow } from '../../src/store/mitigations.ts';
import { audited, idleInTransaction, lives, now, offer, offered, timelineOf } from './offers.ts';
import { APPROVER, APPROVERS, createWorld, type World } from './world.ts';

const HERO = 'UHERO';
const policy = (breakGlass: Record<string, unknown> = { users: [HERO] }) => ({
  approvals: { approvers: [APPROVERS], quorum: 2, breakGlass },
});
const REASON = 'nobody answers the phone';

let world: World;
beforeAll(async () => {
  world = await createWorld();
  world.people.add(HERO);
});
afterEach(async () => {
  world.people.down = false;
  await world.db.query("update freezes set lifted_at = now(), lifted_by = 'test' where lifted_at is null");
});
afterAll(() => world.close());

const act = (row: MitigationRow, userId = HERO, reason = REASON) =>
  actAlone(world.deps, { mitigationId: row.id, version: row.version, userId, reason });

test('a named person acts alone: it is carried out, marked, proven, and said to the whole channel', async () => {
  const { session, mitigation, incident } = await offered(world, policy());
  expect(await act(mitigation)).toMatchObject({
    mitigation: { state: 'approved', breakGlass: true, requestedBy: HERO, reason: REASON, quorum: 1 },
  });
  expect(world.bell.actions).toContain(mitigation.id);
  const view = await loadIncidentView(world.deps, incident.id);
  if (!view) throw new Error('there is no view');
  const slot = slotsOf(view, { charts: false }).find(({ name }) => name === `break-glass:${mitigation.id}`);
  expect(slot).toMatchObject({ channel: view.service.channel });
  expect(slot?.rendered.text).toContain(`<@${HERO}> acts without an approval`);
  expect(slot?.rendered.text).toContain(REASON);

  await executeMitigation(world.deps, mitigation.id);
  expect(await now(world, mitigation)).toMatchObject({ state: 'succeeded', breakGlass: true });
  expect(await lives(world, session)).toBe(false);
  expect(await timelineOf(world, incident.id)).toEqual(expect.arrayContaining(['break-glass', 'executing']));
  expect((await audited(world, `mitigation:${mitigation.id}`)).slice(0, 2)).toEqual([
    'mitigation.break-glass',
    'mitigation.executing',
  ]);
});

test('an approver, a stranger and somebody whom Slack does not know may not', async () => {
  const { mitigation } = await offered(world, policy());
  expect(await act(mitigation, APPROVER)).toEqual({ refused: 'not-alone', allowed: [HERO] });
  expect(await act(mitigation, 'UWHO')).toEqual({ refused: 'people-unknown' });
  world.people.down = true;
  expect(await act(mitigation)).toEqual({ refused: 'people-unknown' });
  expect(await now(world, mitigation)).toEqual(mitigation);
  expect(await approvalsOf(world.db, mitigation.id)).toEqual([]);
  expect(await audited(world, `mitigation:${mitigation.id}`)).toEqual(Array(3).fill('mitigation.refused'));
});

test('by default nobody may', async () => {
  const { mitigation } = await offered(world);
  expect(await act(mitigation)).toEqual({ refused: 'not-alone', allowed: [] });
});

test('not without a reason, not in a freeze, not on an old card', async () => {
  const { mitigation } = await offered(world, policy());
  expect(await act(mitigation, HERO, 'too short')).toEqual({ refused: 'reason-too-short', atLeast: 10 });
  expect(await act({ ...mitigation, version: mitigation.version + 1 })).toMatchObject({
    refused: 'out-of-date',
  });
  await freeze(world.deps, HERO, 'wait');
  expect(await act(mitigation)).toEqual({ refused: 'frozen', by: HERO, reason: 'wait' });
  expect(await now(world, mitigation)).toEqual(mitigation);
});

test('once in an incident, however many clicks arrive at once', async () => {
  const incident = await world.openIncident(policy());
  const sessions = await Promise.all([idleInTransaction(world), idleInTransaction(world)]);
  const rows = await offer(world, incident, sessions);
  const answers = await Promise.all([...rows, ...rows, ...rows].map((row) => act(row)));
  expect(answers.filter((answer) => 'mitigation' in answer)).toHaveLength(1);
  const refused = answers.flatMap((answer) => ('refused' in answer ? [answer.refused] : []));
  expect(refused.filter((one) => one !== 'alone-used' && one !== 'out-of-date')).toEqual([]);
  expect(refused).toContain('alone-used');
});

test('the right is lost between click and claim: nothing is done', async () => {
  const { session, mitigation } = await offered(world, policy());
  await act(mitigation);
  world.people.add(HERO, [], false);
  await executeMitigation(world.deps, mitigation.id);
  world.people.add(HERO);
  expect((await now(world, mitigation)).state).toBe('failed');
  expect(await lives(world, session)).toBe(true);
});

test('what was approved in order has no message of its own in the channel', async () => {
  const { incident } = await offered(world);
  const view = await loadIncidentView(world.deps, incident.id);
  const [row] = view?.mitigations ?? [];
  if (!view || !row) throw new Error('nothing was offered');
  expect(breakGlassMessage(view, row)).toBeNull();
});
