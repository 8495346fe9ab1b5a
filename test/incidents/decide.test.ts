import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type Decided, decideMitigation } from '../../src/incidents/decide.ts';
import { sweep } from '../../src/incidents/sweep.ts';
import { approvalsOf, type MitigationRow } from '../../src/store/mitigations.ts';
import { audited, idleInTransaction, now, offer, offered, request, timelineOf } from './offers.ts';
import { APPROVER, APPROVERS, ASKER, createWorld, type World } from './world.ts';

let world: World;
const fifty = Array.from({ length: 50 }, (_, i) => `UBOSS${i}`);
beforeAll(async () => {
  world = await createWorld();
  for (const user of fifty) world.people.add(user, [APPROVERS]);
  world.people.add(ASKER, [APPROVERS]);
  world.people.add('UNOBODY');
  world.people.add('UGUEST', [APPROVERS], false);
});
beforeEach(() => {
  world.people.down = false;
  world.bell.down = false;
  world.bell.actions.length = 0;
});
afterEach(() => {
  vi.useRealTimers();
});
afterAll(() => world.close());

const decide = (row: MitigationRow, userId: string, decision: 'approve' | 'deny' = 'approve') =>
  decideMitigation(world.deps, { mitigationId: row.id, version: row.version, userId, decision });

async function requested(overrides?: Record<string, unknown>): Promise<MitigationRow> {
  const { mitigation } = await offered(world, overrides);
  return request(world, mitigation);
}
const withQuorum = (quorum: number) => ({ approvals: { approvers: [APPROVERS], quorum } });
const outcomeOf = (decided: Decided) => ('outcome' in decided ? decided.outcome : decided.refused);

test('fifty people approve at once: one transition, one ring, and everybody gets an answer', async () => {
  const row = await requested();
  const answers = await Promise.all(fifty.map((user) => decide(row, user)));
  expect(answers).toHaveLength(50);
  expect(answers.filter((answer) => outcomeOf(answer) === 'approved')).toHaveLength(1);
  expect(answers.filter((answer) => outcomeOf(answer) === 'out-of-date')).toHaveLength(49);
  expect(await now(world, row)).toMatchObject({ state: 'approved', version: row.version + 1 });
  expect(await approvalsOf(world.db, row.id)).toHaveLength(1);
  expect(world.bell.actions).toEqual([row.id]);
  expect(await audited(world, `mitigation:${row.id}`)).toEqual([
    'mitigation.requested',
    'mitigation.approve',
  ]);
});

test('the same click delivered many times at once counts once', async () => {
  const row = await requested(withQuorum(2));
  const answers = await Promise.all(Array.from({ length: 10 }, () => decide(row, APPROVER)));
  expect(answers.map(outcomeOf).sort()).toEqual([
    ...Array(9).fill('already-decided-by-you'),
    'more-approvals-needed',
  ]);
  expect((await now(world, row)).state).toBe('requested');
});

test('a quorum of two needs two different people', async () => {
  const row = await requested(withQuorum(2));
  expect(outcomeOf(await decide(row, APPROVER))).toBe('more-approvals-needed');
  expect(outcomeOf(await decide(row, APPROVER))).toBe('already-decided-by-you');
  expect((await now(world, row)).state).toBe('requested');
  expect(world.bell.actions).toEqual([]);
  expect(outcomeOf(await decide(row, 'UBOSS1'))).toBe('approved');
  expect(world.bell.actions).toEqual([row.id]);
  expect(await timelineOf(world, row.incidentId)).toEqual(['opened', 'requested', 'approved', 'approved']);
});

test('one no ends it, and nobody can change their mind or another', async () => {
  const row = await requested(withQuorum(2));
  await decide(row, APPROVER);
  expect(outcomeOf(await decide(row, APPROVER, 'deny'))).toBe('already-decided-by-you');
  expect(outcomeOf(await decide(row, 'UBOSS1', 'deny'))).toBe('denied');
  expect(outcomeOf(await decide(row, 'UBOSS2'))).toBe('out-of-date');
  expect(await now(world, row)).toMatchObject({ state: 'denied' });
  expect(world.bell.actions).toEqual([]);
  expect(await audited(world, `mitigation:${row.id}`)).toEqual([
    'mitigation.requested',
    'mitigation.approve',
    'mitigation.deny',
  ]);
});

test('whoever may not is refused, told why, and the refusal is proven', async () => {
  const row = await requested();
  expect(await decide(row, ASKER)).toEqual({ refused: 'own-request' });
  expect(await decide(row, 'UNOBODY')).toEqual({ refused: 'not-an-approver', allowed: [APPROVERS] });
  expect(await decide(row, 'UNOBODY', 'deny')).toEqual({ refused: 'not-an-approver', allowed: [APPROVERS] });
  expect(await decide(row, 'UGUEST')).toEqual({ refused: 'not-a-member' });
  expect(await decide(row, 'UWHO')).toEqual({ refused: 'people-unknown' });
  world.people.down = true;
  expect(await decide(row, APPROVER)).toEqual({ refused: 'people-unknown' });
  expect(await now(world, row)).toEqual(row);
  expect(await approvalsOf(world.db, row.id)).toEqual([]);
  expect(await audited(world, `mitigation:${row.id}`)).toEqual([
    'mitigation.requested',
    ...Array(6).fill('mitigation.refused'),
  ]);
});

test('the one who asked may take it back', async () => {
  const row = await requested();
  expect(outcomeOf(await decide(row, ASKER, 'deny'))).toBe('denied');
});

test('where the policy allows it, the one who asked may approve', async () => {
  const row = await requested({ approvals: { approvers: [APPROVERS], requesterMayApprove: true } });
  expect(outcomeOf(await decide(row, ASKER))).toBe('approved');
});

test("somebody's approval in flight while they ask for it themselves is their own request", async () => {
  const { mitigation } = await offered(world);
  // The look-up of the approver takes long: the request is made meanwhile, by the same person.
  const people = {
    lookUp: async (userId: string, groups: string[]) => {
      await request(world, mitigation);
      return world.people.lookUp(userId, groups);
    },
  };
  const decided = await decideMitigation(
    { ...world.deps, people },
    { mitigationId: mitigation.id, version: 2, userId: ASKER, decision: 'approve' },
  );
  expect(decided).toEqual({ refused: 'own-request' });
  expect((await now(world, mitigation)).state).toBe('requested');
});

test('a card that is out of date decides nothing', async () => {
  const row = await requested();
  expect(await decide({ ...row, version: row.version - 1 }, APPROVER)).toMatchObject({
    refused: 'out-of-date',
  });
  expect(await decide({ ...row, version: row.version + 1 }, APPROVER)).toMatchObject({
    refused: 'out-of-date',
  });
  expect(await decide({ ...row, id: 987_654 }, APPROVER)).toEqual({ refused: 'not-found' });
  expect(await approvalsOf(world.db, row.id)).toEqual([]);
});

test('what nobody asked for cannot be approved', async () => {
  const { mitigation } = await offered(world);
  expect(await decide(mitigation, APPROVER)).toMatchObject({ refused: 'out-of-date', state: 'proposed' });
});

const setExpiry = (row: MitigationRow, from: string) =>
  world.db.query(`update mitigations set expires_at = clock_timestamp() + interval '${from}' where id = $1`, [
    row.id,
  ]);

test("expiry is judged by the store's clock: a process that is late or early changes nothing", async () => {
  const [over, open] = [await requested(), await requested()];
  await setExpiry(over, '-1 millisecond');
  await setExpiry(open, '30 seconds');
  vi.useFakeTimers({ toFake: ['Date'] });
  vi.setSystemTime(Date.now() - 3_600_000);
  expect(await decide(over, APPROVER)).toEqual({ refused: 'expired' });
  vi.setSystemTime(Date.now() + 7_200_000);
  expect(outcomeOf(await decide(open, APPROVER))).toBe('approved');
  expect(await approvalsOf(world.db, over.id)).toEqual([]);
  await sweep(world.deps, { starting: false });
  expect(await now(world, over)).toMatchObject({ state: 'expired', detail: 'nobody approved in time' });
});

test('an approval waits for its execution no longer than the policy says', async () => {
  const row = await requested({ approvals: { approvers: [APPROVERS], executionExpiry: '7s' } });
  await decide(row, APPROVER);
  const { rows } = await world.db.query<{ s: number }>(
    'select extract(epoch from approved_until - approved_at)::float8 as s from mitigations where id = $1',
    [row.id],
  );
  expect(rows[0]?.s).toBeCloseTo(7, 1);
});

test('a queue that does not answer loses no approval: the sweep rings again', async () => {
  const row = await requested();
  world.bell.down = true;
  expect(outcomeOf(await decide(row, APPROVER))).toBe('approved');
  world.bell.down = false;
  await sweep(world.deps, { starting: false });
  expect(world.bell.actions).toContain(row.id);
});

test('when the audit log cannot be written, there is no approval', async () => {
  const row = await requested();
  await world.store.query('alter table audit rename to audit_gone');
  try {
    await expect(decide(row, APPROVER)).rejects.toThrow(/audit/);
  } finally {
    await world.store.query('alter table audit_gone rename to audit');
  }
  expect(await now(world, row)).toEqual(row);
  expect(await approvalsOf(world.db, row.id)).toEqual([]);
  expect(world.bell.actions).toEqual([]);
});

test('approve and deny in any order: the first no or the complete quorum decides, and nothing after it', async () => {
  const incident = await world.openIncident(withQuorum(2));
  const session = await idleInTransaction(world);
  const votes = fc.array(
    fc.record({ userId: fc.constantFrom('UBOSS1', 'UBOSS2', 'UBOSS3'), yes: fc.boolean() }),
    { minLength: 1, maxLength: 6 },
  );
  await fc.assert(
    fc.asyncProperty(votes, async (sequence) => {
      const [row] = await offer(world, incident, [session]);
      if (!row) throw new Error('nothing was offered');
      const asked = await request(world, row);
      for (const { userId, yes } of sequence) await decide(asked, userId, yes ? 'approve' : 'deny');
      expect((await now(world, row)).state).toBe(expected(sequence));
      // Out of the way, so that the same target can be offered again.
      await world.db.query("update mitigations set state = 'withdrawn' where id = $1", [row.id]);
    }),
    { numRuns: 20 },
  );

  function expected(sequence: { userId: string; yes: boolean }[]): string {
    const decided = new Set<string>();
    for (const { userId, yes } of sequence) {
      if (decided.has(userId)) continue;
      if (!yes) return 'denied';
      decided.add(userId);
      if (decided.size === 2) return 'approved';
    }
    return 'requested';
  }
});

test('twenty clicks of five people at once: each counts once, the quorum decides once, and the others are told', async () => {
  const row = await requested(withQuorum(3));
  const clicks = Array.from({ length: 20 }, (_, i) => decide(row, `UBOSS${i % 5}`));
  const outcomes = (await Promise.all(clicks)).map(outcomeOf);
  const count = (wanted: string) => outcomes.filter((outcome) => outcome === wanted).length;
  expect(count('approved')).toBe(1);
  expect(count('more-approvals-needed')).toBe(2);
  expect(count('already-decided-by-you') + count('out-of-date')).toBe(17);
  expect(await approvalsOf(world.db, row.id)).toHaveLength(3);
  expect(await now(world, row)).toMatchObject({ state: 'approved', version: row.version + 1 });
  expect(world.bell.actions).toEqual([row.id]);
});

test('a click that Slack delivers three times, at once and later, is one click with one answer', async () => {
  const row = await requested(withQuorum(2));
  const click = (userId: string, interactionId: string) =>
    decideMitigation(world.deps, {
      ...{ mitigationId: row.id, version: row.version, userId, interactionId },
      decision: 'approve',
    });
  const first = await Promise.all([1, 2, 3].map(() => click('UBOSS1', 'first')));
  expect(first.map(outcomeOf)).toEqual(Array(3).fill('more-approvals-needed'));
  const refused = await Promise.all([1, 2, 3].map(() => click('UNOBODY', 'nobody')));
  expect(refused).toEqual(Array(3).fill({ refused: 'not-an-approver', allowed: [APPROVERS] }));
  expect(outcomeOf(await click('UBOSS2', 'second'))).toBe('approved');
  expect(outcomeOf(await click('UBOSS1', 'first'))).toBe('more-approvals-needed');
  expect(outcomeOf(await click('UBOSS2', 'second'))).toBe('approved');
  expect(await approvalsOf(world.db, row.id)).toHaveLength(2);
  expect(await audited(world, `mitigation:${row.id}`)).toEqual([
    'mitigation.requested',
    'mitigation.approve',
    'mitigation.refused',
    'mitigation.approve',
  ]);
});

test.each([-3_600_000, -600_000, 600_000, 3_600_000])(
  'a process whose clock is %i ms off asks, approves and is refused as any other',
  async (offMs) => {
    vi.useFakeTimers({ toFake: ['Date'] });
    vi.setSystemTime(Date.now() + offMs);
    const [open, over] = [await requested(), await requested()];
    await setExpiry(over, '-1 millisecond');
    expect(await decide(over, APPROVER)).toEqual({ refused: 'expired' });
    expect(outcomeOf(await decide(open, APPROVER))).toBe('approved');
    const { rows } = await world.db.query<{ s: number }>(
      'select extract(epoch from approved_until - clock_timestamp())::float8 as s from mitigations where id = $1',
      [open.id],
    );
    expect(rows[0]?.s).toBeGreaterThan(0);
    expect(rows[0]?.s).toBeLessThan(61);
  },
);

test('high risk needs its own quorum', async () => {
  const quorum = { low: 1, medium: 1, high: 2 };
  const { mitigation } = await offered(world, { approvals: { approvers: [APPROVERS], quorum } });
  await world.db.query("update mitigations set risk = 'high' where id = $1", [mitigation.id]);
  const row = await request(world, mitigation);
  expect(row.quorum).toBe(2);
  expect(outcomeOf(await decide(row, APPROVER))).toBe('more-approvals-needed');
  expect(outcomeOf(await decide(row, 'UBOSS3'))).toBe('approved');
});
