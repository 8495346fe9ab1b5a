import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { executeMitigation } from '../../src/incidents/mitigate.ts';
import { stopMitigation } from '../../src/incidents/stop.ts';
import { sweep } from '../../src/incidents/sweep.ts';
import { claimMitigation, stuckMitigations } from '../../src/store/executions.ts';
import { findIncident } from '../../src/store/incidents.ts';
import { approve, audited, now, request, timelineOf } from './offers.ts';
import { offerNumber } from './test-kind-offers.ts';
import { latch, machine } from './test-kinds.ts';
import { APPROVER, ASKER, createWorld, type World } from './world.ts';

vi.mock('../../src/mitigations/index.ts', async (original) => {
  const { MITIGATIONS } = await original<typeof import('../../src/mitigations/index.ts')>();
  const { TEST_KINDS } = await import('./test-kinds.ts');
  return { MITIGATIONS: [...MITIGATIONS, ...TEST_KINDS] };
});

const SOON = { timeout: 15_000, interval: 50 };
let world: World;
beforeAll(async () => {
  world = await createWorld();
  world.people.add('USTRANGER');
});
afterAll(() => world.close());

/** An approved change of a machine that holds it up until it is released. */
async function approved() {
  const name = randomUUID();
  const { held, release } = latch();
  const it = machine(name, { held });
  const incident = await world.openIncident();
  const offer = await offerNumber(world, incident, { machine: name, from: 4, to: 5 });
  return { it, release, incident, row: await approve(world, await request(world, offer)) };
}

const ago = (column: string, ms: number, id: number) =>
  world.db.query(
    `update mitigations set ${column} = clock_timestamp() - $2 * interval '1 millisecond' where id = $1`,
    [id, ms],
  );

test('says that it lives and how far it is, and is not taken for dead however long it takes', async () => {
  const { it, release, incident, row } = await approved();
  const end = executeMitigation(world.deps, row.id);
  await vi.waitFor(async () => expect((await now(world, row)).progress).toBe('begun'), SOON);
  const seen = await now(world, row);
  const { revision } = (await findIncident(world.db, incident.id)) ?? {};
  await ago('claimed_at', 3_600_000, row.id);
  await ago('alive_at', 14_000, row.id);
  await vi.waitFor(async () => {
    const { aliveAt } = await now(world, row);
    expect(aliveAt?.getTime()).toBeGreaterThan(seen.aliveAt?.getTime() ?? Number.POSITIVE_INFINITY);
  }, SOON);
  expect((await stuckMitigations(world.db, 15_000)).map(({ id }) => id)).not.toContain(row.id);
  // Being alive is nothing to show; progress was.
  expect((await findIncident(world.db, incident.id))?.revision).toBe(revision);
  release();
  await end;
  expect(await now(world, row)).toMatchObject({ state: 'succeeded', did: { from: 4 } });
  expect(it).toMatchObject({ value: 5, set: 1 });
});

test.each([
  ['who asked for it', ASKER],
  ['who may approve it', APPROVER],
])(
  'is stopped by one %s: aborted, and what became of it is looked at',
  async (_who, userId) => {
    const { it, row } = await approved();
    const end = executeMitigation(world.deps, row.id);
    await vi.waitFor(() => expect(it.begun).toBe(1), SOON);
    expect(await stopMitigation(world.deps, row.id, 'USTRANGER')).toMatchObject({
      refused: 'not-an-approver',
    });
    expect(await stopMitigation(world.deps, row.id, userId)).toMatchObject({
      mitigation: { stopAskedBy: userId },
    });
    expect(await stopMitigation(world.deps, row.id, APPROVER)).toMatchObject({ refused: 'out-of-date' });
    await end;
    expect(await now(world, row)).toMatchObject({
      state: 'failed',
      detail: expect.stringMatching(/stopped on request; it is 4/),
    });
    expect(it).toMatchObject({ value: 4, set: 0 });
    expect((await timelineOf(world, row.incidentId)).slice(3, 6)).toEqual([
      'executing',
      'stop-asked',
      'failed',
    ]);
    expect((await audited(world, `mitigation:${row.id}`)).slice(2)).toEqual([
      'mitigation.executing',
      'mitigation.refused',
      'mitigation.stop',
      'mitigation.failed',
    ]);
  },
  40_000,
);

test('what does not run cannot be stopped', async () => {
  const { row } = await approved();
  expect(await stopMitigation(world.deps, row.id, ASKER)).toMatchObject({
    ...{ refused: 'out-of-date', state: 'approved' },
  });
  expect((await now(world, row)).stopAskedBy).toBeNull();
});

test('is cut off by the end of its process, and settled by looking at the next start', async () => {
  const { it, row } = await approved();
  const ending = new AbortController();
  const end = executeMitigation(world.deps, row.id, ending.signal);
  await vi.waitFor(() => expect(it.begun).toBe(1), SOON);
  ending.abort();
  await end;
  expect((await now(world, row)).state).toBe('interrupted');
  await sweep(world.deps, { starting: true });
  expect(await now(world, row)).toMatchObject({
    state: 'failed',
    detail: expect.stringMatching(/cut off before it took effect, and is not repeated/),
  });
  await executeMitigation(world.deps, row.id);
  expect(it).toMatchObject({ begun: 1, set: 0 });
}, 40_000);

test('stops by itself once another process has settled it', async () => {
  const { it, row } = await approved();
  const end = executeMitigation(world.deps, row.id);
  await vi.waitFor(() => expect(it.begun).toBe(1), SOON);
  await world.db.query("update mitigations set state = 'failed' where id = $1", [row.id]);
  await end;
  expect(it.set).toBe(0);
  expect((await now(world, row)).state).toBe('failed');
}, 40_000);

test('changes of one service take turns, those of another do not wait', async () => {
  const { it, release, incident, row } = await approved();
  const end = executeMitigation(world.deps, row.id);
  await vi.waitFor(() => expect(it.begun).toBe(1), SOON);

  const name = randomUUID();
  const second = machine(name);
  const offer = await offerNumber(world, incident, { machine: name, from: 4, to: 9 });
  const waiting = await approve(world, await request(world, offer));
  await executeMitigation(world.deps, waiting.id);
  expect((await now(world, waiting)).state).toBe('approved');
  expect(await claimMitigation(world.db, waiting.id, randomUUID())).toBeNull();

  const other = await approved();
  other.release();
  await executeMitigation(world.deps, other.row.id);
  expect((await now(world, other.row)).state).toBe('succeeded');

  release();
  await end;
  await executeMitigation(world.deps, waiting.id);
  expect(second.set).toBe(1);
}, 40_000);

test('an approval that ran out while another change was under way is not used', async () => {
  const { it, release, incident, row } = await approved();
  const end = executeMitigation(world.deps, row.id);
  await vi.waitFor(() => expect(it.begun).toBe(1), SOON);
  const name = randomUUID();
  const second = machine(name);
  const offer = await offerNumber(world, incident, { machine: name, from: 4, to: 9 });
  const waiting = await approve(world, await request(world, offer));
  await ago('approved_until', 1, waiting.id);
  release();
  await end;
  await executeMitigation(world.deps, waiting.id);
  await sweep(world.deps, { starting: false });
  expect((await now(world, waiting)).state).toBe('expired');
  expect(second.set).toBe(0);
}, 40_000);

test('an outcome that stays unknown is looked at ever more rarely', async () => {
  const { it, row } = await approved();
  await claimMitigation(world.db, row.id, randomUUID());
  await ago('alive_at', 15_001, row.id);
  it.reachable = false;
  const waits: number[] = [];
  for (let look = 1; look <= 8; look++) {
    await sweep(world.deps, { starting: false });
    const { rows } = await world.db.query<{ s: number }>(
      'select extract(epoch from next_look_at - clock_timestamp())::float8 as s from mitigations where id = $1',
      [row.id],
    );
    waits.push(Math.ceil(rows[0]?.s ?? 0));
    expect(await now(world, row)).toMatchObject({ state: 'interrupted', looks: look });
    await sweep(world.deps, { starting: false });
    expect((await now(world, row)).looks).toBe(look);
    await ago('next_look_at', 1, row.id);
  }
  expect(waits).toEqual([2, 4, 8, 16, 32, 60, 60, 60]);
  it.reachable = true;
  it.value = 5;
  await sweep(world.deps, { starting: false });
  // After a crash, what was done is what looking found.
  expect(await now(world, row)).toMatchObject({ state: 'succeeded', did: { from: 4 } });
}, 60_000);
