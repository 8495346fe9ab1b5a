import { afterAll, beforeAll, expect, test } from 'vitest';
import { alertsResolved, sweepLife } from '../../src/incidents/life.ts';
import { closeRun } from '../../src/incidents/run.ts';
import { findIncident, type Incident } from '../../src/store/incidents.ts';
import { type Run, runsOf, saveReport } from '../../src/store/runs.ts';
import { audited, timelineOf } from './offers.ts';
import { createWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

async function monitored(resolveAfter = '10m'): Promise<Incident> {
  const incident = await world.openIncident({ incidents: { resolveAfter } });
  await alertsResolved(world.deps, incident.id);
  return incident;
}

const watchesOf = async ({ id }: Incident) =>
  (await runsOf(world.db, id)).filter((run) => run.kind === 'watch');
const now = async ({ id }: Incident) => (await findIncident(world.db, id))?.state;

/** Moves the times of the store, not the clock: as if this long had passed. */
const wait = ({ id }: Incident, ms: number) =>
  world.db.query(
    `update recovery_watches set next_look_at = next_look_at - $2 * interval '1 millisecond',
       seen_at = seen_at - $2 * interval '1 millisecond', calm_since = calm_since - $2 * interval '1 millisecond'
     where incident_id = $1`,
    [id, ms],
  );

/** The sweep starts a look, and the probe says this; null is a probe that could not look. */
async function look(incident: Incident, p95Ms: number | null | 'failed', errorRate = 0): Promise<Run> {
  const before = (await watchesOf(incident)).length;
  await sweepLife(world.deps);
  const runs = await watchesOf(incident);
  const run = runs.at(-1);
  if (!run || runs.length !== before + 1) throw new Error('no look was started');
  const base = { probeId: 'api-latency', step: 1, startedAt: new Date().toISOString(), durationMs: 10 };
  const report = { overall: { p95Ms, p95BetweenMs: null, errorRate } };
  await saveReport(
    world.db,
    run.id,
    p95Ms === 'failed'
      ? { ...base, status: 'failed', reason: 'no answer', code: 'target-timeout' }
      : { ...base, status: 'answered', report },
  );
  await closeRun(world.deps, run.id);
  return run;
}

test('resolved alerts make it watched, once; of ten who say so one does it', async () => {
  const incident = await world.openIncident();
  const all = await Promise.all(Array.from({ length: 10 }, () => alertsResolved(world.deps, incident.id)));
  expect(all.filter((one) => one !== null)).toHaveLength(1);
  expect(await now(incident)).toBe('monitoring');
  expect(await timelineOf(world, incident.id)).toEqual(['opened', 'alerts-resolved']);
  expect(await audited(world, `incident:${incident.id}`)).toEqual(['incident.opened', 'incident.monitoring']);
});

test('a look is one cheap probe, once a minute, however many sweep', async () => {
  const incident = await monitored();
  await Promise.all(Array.from({ length: 5 }, () => sweepLife(world.deps)));
  expect(await watchesOf(incident)).toHaveLength(1);
  const [run] = await watchesOf(incident);
  expect(world.bell.runs.find(({ runId }) => runId === run?.id)?.probeIds).toEqual(['api-latency']);
  await world.db.query("update runs set state = 'abandoned' where id = $1", [run?.id]);
  await sweepLife(world.deps);
  expect(await watchesOf(incident)).toHaveLength(1);
});

test('calm for ten minutes it is resolved, by the bot, and the audit says so', async () => {
  const incident = await monitored();
  for (let minute = 0; minute <= 10; minute++) {
    expect(await now(incident)).toBe('monitoring');
    await look(incident, 150);
    await wait(incident, 60_000);
  }
  expect(await findIncident(world.db, incident.id)).toMatchObject({
    state: 'resolved',
    resolvedBy: 'latency-bot',
  });
  expect(await timelineOf(world, incident.id)).toEqual(['opened', 'alerts-resolved', 'resolved']);
  expect(await audited(world, `incident:${incident.id}`)).toContain('incident.resolved');
});

test('a gap in the looks begins the calm anew: what nobody saw was not calm', async () => {
  const incident = await monitored();
  await look(incident, 150);
  await wait(incident, 3_600_000);
  await look(incident, 150);
  expect(await now(incident)).toBe('monitoring');
});

test('what cannot be measured is neither calm nor slow', async () => {
  const incident = await monitored('1s');
  for (const seen of ['failed', null, 'failed', null] as const) {
    await look(incident, seen);
    await wait(incident, 60_000);
  }
  expect(await now(incident)).toBe('monitoring');
});

test.each([
  ['slow', 900, 0],
  ['quick, but failing', 100, 0.02],
])('%s twice in a row: back to investigating, and a whole run looks', async (_what, p95Ms, errorRate) => {
  const incident = await monitored();
  await look(incident, 150);
  await wait(incident, 60_000);
  await look(incident, p95Ms, errorRate);
  expect(await now(incident)).toBe('monitoring');
  await wait(incident, 10_000);
  await look(incident, p95Ms, errorRate);
  expect(await now(incident)).toBe('investigating');
  expect(await timelineOf(world, incident.id)).toEqual(['opened', 'alerts-resolved', 'slow-again']);
  expect(await audited(world, `incident:${incident.id}`)).toContain('incident.slow-again');
  await sweepLife(world.deps);
  await sweepLife(world.deps);
  const triage = (await runsOf(world.db, incident.id)).filter((run) => run.kind === 'triage');
  expect(triage).toMatchObject([{ requestedBy: 'latency-bot' }]);
});

test('one slow look among calm ones is chance, but the calm begins anew', async () => {
  const incident = await monitored('2m');
  await look(incident, 150);
  await wait(incident, 60_000);
  await look(incident, 900);
  await wait(incident, 60_000);
  await look(incident, 150);
  await wait(incident, 60_000);
  await look(incident, 150);
  expect(await now(incident)).toBe('monitoring');
  await wait(incident, 60_000);
  await look(incident, 150);
  expect(await now(incident)).toBe('resolved');
});

test('an incident that somebody resolved meanwhile is left alone', async () => {
  const incident = await monitored();
  await sweepLife(world.deps);
  const [run] = await watchesOf(incident);
  await world.db.query("update incidents set state = 'resolved', resolved_by = 'UASKER' where id = $1", [
    incident.id,
  ]);
  if (!run) throw new Error('no look');
  await world.db.query(
    "update reports set status = 'failed', reason = 'x', code = 'internal' where run_id = $1",
    [run.id],
  );
  await closeRun(world.deps, run.id);
  expect(await findIncident(world.db, incident.id)).toMatchObject({
    state: 'resolved',
    resolvedBy: 'UASKER',
  });
});
