import { randomUUID } from 'node:crypto';
import { beforeEach, expect, test } from 'vitest';
import { startRun } from '../../src/incidents/run.ts';
import { sweep } from '../../src/incidents/sweep.ts';
import { PROBES } from '../../src/probes/index.ts';
import { claimMitigation } from '../../src/store/executions.ts';
import type { Incident } from '../../src/store/incidents.ts';
import type { MitigationRow } from '../../src/store/mitigations.ts';
import { findRun, runsOf } from '../../src/store/runs.ts';
import { approve, audited, lives, now, offered, request, timelineOf } from './offers.ts';
import { ASKER, createWorld, type World } from './world.ts';

const TRIAGE = { kind: 'triage', requestedBy: ASKER, mitigationId: null } as const;

let world: World;
// A sweep sees the whole store: each test has its own.
beforeEach(async () => {
  world = await createWorld();
  return () => world.close();
});

const sweepTwice = (starting = false) =>
  Promise.all([sweep(world.deps, { starting }), sweep(world.deps, { starting })]);
const ago = (table: string, column: string, ms: number, id: number) =>
  world.db.query(
    `update ${table} set ${column} = clock_timestamp() - $2 * interval '1 millisecond' where id = $1`,
    [id, ms],
  );

test('an incident that nobody has looked at gets its run, once', async () => {
  const incident = await world.openIncident();
  await sweepTwice();
  // Whoever opened it is just about to start the run.
  expect(await runsOf(world.db, incident.id)).toEqual([]);
  await ago('incidents', 'opened_at', 1_500, incident.id);
  await sweepTwice();
  expect(await runsOf(world.db, incident.id)).toMatchObject([
    { kind: 'triage', requestedBy: ASKER, bells: 1 },
  ]);
  expect(world.bell.runs).toHaveLength(1);
});

test('an incident that was resolved before anybody looked is left alone', async () => {
  const incident = await world.openIncident();
  await ago('incidents', 'opened_at', 1_500, incident.id);
  await world.db.query("update incidents set state = 'resolved' where id = $1", [incident.id]);
  await sweep(world.deps, { starting: true });
  expect(await runsOf(world.db, incident.id)).toEqual([]);
});

async function running(incident: Incident): Promise<number> {
  const run = await startRun(world.deps, incident, TRIAGE);
  if (!run) throw new Error('no run');
  world.bell.runs.length = 0;
  return run.id;
}

test('a run whose bell was lost is rung again after a while, and at once when a process starts', async () => {
  const id = await running(await world.openIncident());
  await sweep(world.deps, { starting: false });
  expect(world.bell.runs).toEqual([]);
  await sweep(world.deps, { starting: true });
  expect(world.bell.runs).toEqual([{ runId: id, ring: 2, probeIds: Object.keys(PROBES) }]);
  await ago('runs', 'rung_at', 6_001, id);
  await sweep(world.deps, { starting: false });
  expect(world.bell.runs.at(-1)).toMatchObject({ runId: id, ring: 3 });
  await sweep(world.deps, { starting: false });
  expect(world.bell.runs).toHaveLength(2);
});

test('a run past its deadline is closed, once', async () => {
  const incident = await world.openIncident();
  const id = await running(incident);
  await ago('runs', 'deadline_at', 1, id);
  await ago('runs', 'rung_at', 6_001, id);
  await sweepTwice();
  expect(await findRun(world.db, id)).toMatchObject({ state: 'finished' });
  expect(world.bell.runs).toEqual([]);
  expect(await timelineOf(world, incident.id)).toEqual(['opened', 'run-started', 'diagnosed']);
});

test('a run that cannot be closed is given up after a minute: its service can be looked at again', async () => {
  const incident = await world.openIncident();
  const id = await running(incident);
  const { services } = world.deps;
  // Its service is no longer in the configuration, so there is nothing to judge it by.
  const without = {
    ...world.deps,
    services: new Map([...services].filter(([name]) => name !== incident.service)),
  };
  await ago('runs', 'deadline_at', 59_000, id);
  await sweep(without, { starting: true });
  expect((await findRun(world.db, id))?.state).toBe('running');
  await ago('runs', 'deadline_at', 60_001, id);
  await Promise.all([sweep(without, { starting: true }), sweep(without, { starting: true })]);
  expect(await findRun(world.db, id)).toMatchObject({ state: 'abandoned', diagnosis: null });
  expect(await audited(world, `run:${id}`)).toEqual(['run.started', 'run.abandoned']);
  expect(await startRun(world.deps, incident, TRIAGE)).not.toBeNull();
});

test('a run that was forgotten for an hour, but can be closed, is', async () => {
  const id = await running(await world.openIncident());
  await ago('runs', 'deadline_at', 3_600_000, id);
  await ago('runs', 'rung_at', 3_600_000, id);
  await sweepTwice(true);
  expect((await findRun(world.db, id))?.state).toBe('finished');
});

async function approved(): Promise<MitigationRow> {
  const { mitigation } = await offered(world);
  return approve(world, await request(world, mitigation));
}

test('requests and approvals whose time is over end, once each, and are proven', async () => {
  const [asked, yes, open] = [await offered(world), await approved(), await offered(world)];
  const requested = await request(world, asked.mitigation);
  const still = await request(world, open.mitigation);
  await ago('mitigations', 'expires_at', 1, requested.id);
  await ago('mitigations', 'approved_until', 1, yes.id);
  world.bell.actions.length = 0;
  await Promise.all(Array.from({ length: 5 }, () => sweep(world.deps, { starting: false })));
  expect(await now(world, requested)).toMatchObject({ state: 'expired', detail: 'nobody approved in time' });
  expect(await now(world, yes)).toMatchObject({
    state: 'expired',
    detail: 'approved, but not started in time',
  });
  expect(await now(world, still)).toEqual(still);
  expect(world.bell.actions).toEqual([]);
  for (const row of [requested, yes]) {
    expect((await timelineOf(world, row.incidentId)).filter((kind) => kind === 'expired')).toHaveLength(1);
    expect(
      (await audited(world, `mitigation:${row.id}`)).filter((kind) => kind.endsWith('expired')),
    ).toHaveLength(1);
  }
});

test('an approved mitigation is rung until somebody claims it', async () => {
  const row = await approved();
  world.bell.actions.length = 0;
  await sweepTwice();
  expect(world.bell.actions).toEqual([row.id, row.id]);
  await claimMitigation(world.db, row.id, randomUUID());
  await sweepTwice();
  expect(world.bell.actions).toHaveLength(2);
});

test('what is being carried out is left alone until its worker must be gone, then settled once', async () => {
  const row = await approved();
  await claimMitigation(world.db, row.id, randomUUID());
  const { pid } = row.target as { pid: number };
  await world.app.query('select pg_terminate_backend($1)', [pid]);
  await expect.poll(() => lives(world, { pid })).toBe(false);
  // How long ago it was claimed says nothing: it may take hours.
  await ago('mitigations', 'claimed_at', 3_600_000, row.id);
  await ago('mitigations', 'alive_at', 13_000, row.id);
  await sweepTwice();
  expect((await now(world, row)).state).toBe('executing');
  await ago('mitigations', 'alive_at', 15_001, row.id);
  await sweepTwice();
  expect((await now(world, row)).state).toBe('succeeded');
  expect((await timelineOf(world, row.incidentId)).slice(3)).toEqual(['interrupted', 'succeeded']);
});

test('recoveries that are due are looked at, once', async () => {
  const { mitigation } = await offered(world);
  await world.db.query("update mitigations set state = 'succeeded' where id = $1", [mitigation.id]);
  await ago('mitigations', 'next_check_at', 1, mitigation.id);
  await sweepTwice();
  expect(
    (await runsOf(world.db, mitigation.incidentId)).filter((run) => run.kind === 'recovery'),
  ).toHaveLength(1);
  expect((await now(world, mitigation)).recoveryChecks).toBe(1);
});

test('one item that fails costs itself: everything else is done all the same', async () => {
  world.bell.down = true;
  const [stuckRun, due, over] = [await world.openIncident(), await approved(), await offered(world)];
  const id = await running(stuckRun);
  const requested = await request(world, over.mitigation);
  await ago('runs', 'rung_at', 6_001, id);
  await ago('mitigations', 'expires_at', 1, requested.id);
  const { mitigation } = await offered(world);
  await world.db.query("update mitigations set state = 'succeeded' where id = $1", [mitigation.id]);
  await ago('mitigations', 'next_check_at', 1, mitigation.id);

  // Ringing for the run and for the approval fails, all the time.
  await sweep(world.deps, { starting: false });
  expect((await now(world, due)).state).toBe('approved');
  expect((await now(world, requested)).state).toBe('expired');
  expect((await now(world, mitigation)).recoveryChecks).toBe(1);
});
