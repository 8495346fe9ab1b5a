import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { resolveIncident } from '../../src/incidents/lead.ts';
import { prepareRequest, requestMitigation } from '../../src/incidents/request.ts';
import { listTimeline } from '../../src/store/timeline.ts';
import { approve, audited, idleInTransaction, lives, now, offer, offered, request } from './offers.ts';
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

const ask = (row: { id: number; version: number }, by = ASKER, reason = 'it blocks the API') =>
  requestMitigation(world.deps, row.id, row.version, by, reason);

test('what was asked for is stored as it was shown, with a fresh dry run and an expiry', async () => {
  const { mitigation: again } = await offered(world, {
    approvals: { approvers: ['SAPPROVERS'], quorum: 2, expiry: '90s' },
  });
  expect(await ask(again)).toMatchObject({
    mitigation: {
      ...{ state: 'requested', version: 2, quorum: 2, requestedBy: ASKER, reason: 'it blocks the API' },
      dryRun: { freed: 0, waitersTotal: 0 },
      target: again.target,
      targetHash: again.targetHash,
    },
  });
  const { rows } = await world.db.query<{ s: number }>(
    'select extract(epoch from expires_at - requested_at)::float8 as s from mitigations where id = $1',
    [again.id],
  );
  expect(rows[0]?.s).toBeCloseTo(90, 1);
  // The dry run is that of now: 10 s was what the offer said.
  const asked = await now(world, again);
  expect(asked.dryRun.rollsBackMs).not.toBe(10_000);
  expect(await audited(world, `mitigation:${again.id}`)).toEqual(['mitigation.requested']);
});

test('of twenty who ask at once one is heard, and the others are told', async () => {
  const { mitigation } = await offered(world);
  const users = Array.from({ length: 20 }, (_, i) => `UMANY${i}`);
  for (const user of users) world.people.add(user);
  const answers = await Promise.all(users.map((user) => ask(mitigation, user)));
  const heard = answers.filter((answer) => 'mitigation' in answer);
  expect(heard).toHaveLength(1);
  const told = answers.filter((answer) => 'refused' in answer);
  for (const answer of told) {
    expect(answer).toEqual({
      refused: 'out-of-date',
      state: 'requested',
      by: (await now(world, mitigation)).requestedBy,
    });
  }
  expect(await audited(world, `mitigation:${mitigation.id}`)).toEqual(['mitigation.requested']);
});

describe('refused', () => {
  test('another version than the one that is shown now', async () => {
    const { mitigation } = await offered(world);
    expect(await ask({ ...mitigation, version: 2 })).toEqual({
      refused: 'out-of-date',
      state: 'proposed',
      by: null,
    });
    expect(await ask({ ...mitigation, version: 0 })).toMatchObject({ refused: 'out-of-date' });
    expect((await now(world, mitigation)).state).toBe('proposed');
  });

  test('an offer that does not exist, or whose service is not configured any more', async () => {
    expect(await ask({ id: 987_654, version: 1 })).toEqual({ refused: 'not-found' });
    const { incident, mitigation } = await offered(world);
    const services = new Map([...world.deps.services].filter(([id]) => id !== incident.service));
    expect(await requestMitigation({ ...world.deps, services }, mitigation.id, 1, ASKER, 'x')).toEqual({
      refused: 'not-found',
    });
  });

  test('a target that is gone: nothing is asked, and the card says why', async () => {
    const { incident, session, mitigation } = await offered(world);
    await session.end();
    await expect.poll(() => lives(world, session)).toBe(false);
    expect(await ask(mitigation)).toEqual({
      refused: 'target-changed',
      reason: `pid ${session.pid} is gone`,
    });
    expect(await now(world, mitigation)).toMatchObject({
      state: 'target-changed',
      requestedBy: null,
      version: 2,
    });
    expect((await listTimeline(world.db, incident.id)).at(-1)).toMatchObject({
      kind: 'target-changed',
      data: { reason: `pid ${session.pid} is gone` },
    });
    expect(await audited(world, `mitigation:${mitigation.id}`)).toEqual(['mitigation.target-changed']);
  });

  test('a target that has moved on to another transaction', async () => {
    const { session, mitigation } = await offered(world);
    await session.query('commit');
    await session.query('begin');
    await session.query('select 2');
    expect(await ask(mitigation)).toMatchObject({ refused: 'target-changed' });
    expect((await now(world, mitigation)).state).toBe('target-changed');
    expect(await lives(world, session)).toBe(true);
  });

  test.each([
    ['no connection for acts', { targets: { postgres: { url: 'postgres://x/y' } } }],
    ['nobody who could approve', { approvals: { approvers: [] } }],
    ['this kind disabled', { mitigations: { disabled: ['terminate-backend'] } }],
  ])('a service with %s', async (_what, overrides) => {
    const { mitigation } = await offered(world, overrides);
    expect(await ask(mitigation)).toEqual({ refused: 'look-only' });
    expect((await now(world, mitigation)).state).toBe('proposed');
  });

  test('a guest, somebody who is not listed, and anybody while Slack does not answer; all of it is proven', async () => {
    const { mitigation } = await offered(world, {
      approvals: { approvers: ['SAPPROVERS'], requesters: ['UBOSS'] },
    });
    expect(await ask(mitigation, 'UGUEST')).toEqual({ refused: 'not-a-member' });
    expect(await ask(mitigation)).toEqual({ refused: 'not-a-requester', allowed: ['UBOSS'] });
    world.people.down = true;
    expect(await ask(mitigation, 'UBOSS')).toEqual({ refused: 'people-unknown' });
    expect((await now(world, mitigation)).state).toBe('proposed');
    expect(await audited(world, `mitigation:${mitigation.id}`)).toEqual(Array(3).fill('mitigation.refused'));
    world.people.down = false;
    expect(await ask(mitigation, 'UBOSS')).toHaveProperty('mitigation');
  });

  test('one more than the incident may have ended', async () => {
    const overrides = { mitigations: { limits: { sessions: 1 } } };
    const { incident, mitigation } = await offered(world, overrides);
    await approve(world, await request(world, mitigation));
    await world.db.query("update mitigations set state = 'failed', claim = gen_random_uuid() where id = $1", [
      mitigation.id,
    ]);
    const [next] = await offer(world, incident, [await idleInTransaction(world)]);
    if (!next) throw new Error('nothing was offered');
    expect(await ask(next)).toEqual({ refused: 'budget-used', what: 'sessions', limit: 1 });
    expect((await now(world, next)).state).toBe('proposed');
  });

  test('an incident that is over', async () => {
    const { incident, mitigation } = await offered(world);
    await resolveIncident(world.deps, incident.id, ASKER);
    expect(await ask(mitigation)).toMatchObject({ refused: 'out-of-date', state: 'withdrawn' });
    // Even an offer that was made after its end.
    const [late] = await offer(world, incident, [await idleInTransaction(world)]);
    if (!late) throw new Error('nothing was offered');
    expect(await ask(late)).toEqual({ refused: 'incident-over' });
  });
});

test('looking before the dialog opens changes nothing', async () => {
  const { mitigation } = await offered(world);
  expect(await prepareRequest(world.deps, mitigation.id, mitigation.version, ASKER)).toEqual({ mitigation });
  expect(await now(world, mitigation)).toEqual(mitigation);
});

test('a target that cannot be looked at may still be asked for: execution looks again', async () => {
  const { mitigation } = await offered(world);
  const deps = { ...world.deps, targets: () => ({}) };
  const asked = await requestMitigation(deps, mitigation.id, mitigation.version, ASKER, 'it blocks the API');
  expect(asked).toMatchObject({ mitigation: { state: 'requested', dryRun: mitigation.dryRun } });
});

test.each([
  ['markup and mentions', '<!channel> *now* <@U1> <https://evil.example|x> `a` & b'],
  ['quotes and statements', `'); drop table mitigations; --`],
  ['line breaks, right-to-left and emoji', 'a\nb\t\u202ec 🔥'],
  ['ten thousand characters', 'x'.repeat(10_000)],
])('a reason with %s is kept as it was typed', async (_what, reason) => {
  const { incident, mitigation } = await offered(world);
  await ask(mitigation, ASKER, reason);
  expect((await now(world, mitigation)).reason).toBe(reason);
  expect((await listTimeline(world.db, incident.id)).at(-1)).toMatchObject({
    kind: 'requested',
    data: { reason },
  });
});

test('a reason with a NUL and half a surrogate pair is kept without them', async () => {
  const { mitigation } = await offered(world);
  await ask(mitigation, ASKER, 'a\u0000b \ud83d');
  expect((await now(world, mitigation)).reason).toBe('ab \ufffd');
});
