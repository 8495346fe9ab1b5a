import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { askProbe } from '../../src/incidents/ask-probe.ts';
import { resolveIncident } from '../../src/incidents/lead.ts';
import { createLooks } from '../../src/incidents/looks.ts';
import { closeRun, performProbe, startRun } from '../../src/incidents/run.ts';
import { sweep } from '../../src/incidents/sweep.ts';
import { loadIncidentView } from '../../src/incidents/view.ts';
import { firstBrokenLink } from '../../src/store/audit.ts';
import type { Incident } from '../../src/store/incidents.ts';
import { mitigationsOf } from '../../src/store/mitigations.ts';
import { findRun, type Run, reportsOf, runsOf, saveReport } from '../../src/store/runs.ts';
import { idleInTransaction, offer, timelineOf } from './offers.ts';
import { ASKER, createWorld, type World } from './world.ts';

const signal = new AbortController().signal;
const TRIAGE = { kind: 'triage', requestedBy: ASKER, mitigationId: null } as const;

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
beforeEach(() => {
  world.bell.runs.length = 0;
});
afterAll(() => world.close());

const ask = (service: string, probeId = 'connection-pool') =>
  askProbe(world.deps, { service, probeId, requestedBy: ASKER });

async function started(incident: Incident, probeId?: string): Promise<Run> {
  const asked = await ask(incident.service, probeId);
  if (asked.outcome !== 'started') throw new Error(`not started: ${asked.outcome}`);
  return asked.run;
}

test('with an open incident it is a run of that one probe, kept and shown with the incident', async () => {
  const incident = await world.openIncident();
  const run = await started(incident);
  expect(world.bell.runs).toEqual([{ runId: run.id, ring: 1, probeIds: ['connection-pool'] }]);
  await performProbe(world.deps, run.id, 'connection-pool', signal);
  expect(await closeRun(world.deps, run.id)).toBe(true);

  expect(await findRun(world.db, run.id)).toMatchObject({
    kind: 'probe',
    state: 'finished',
    diagnosis: null,
  });
  expect(await timelineOf(world, incident.id)).toEqual(['opened', 'probe-started', 'probe-finished']);
  const view = await loadIncidentView(world.deps, incident.id);
  expect(view?.reports).toEqual([]);
  expect(view?.probeRuns).toMatchObject([
    {
      run: { id: run.id },
      report: { answer: { status: 'answered', report: { probeId: 'connection-pool' } } },
    },
  ]);
  const { rows } = await world.db.query<{ kind: string }>(
    'select kind from audit where subject = $1 order by seq',
    [`run:${run.id}`],
  );
  expect(rows.map(({ kind }) => kind)).toEqual(['run.started', 'run.finished']);
  expect(await firstBrokenLink(world.db)).toBeNull();
});

test('it neither diagnoses nor takes back what is on offer, and the triage of the card stays', async () => {
  const incident = await world.openIncident();
  const offered = await offer(world, incident, [await idleInTransaction(world)]);
  const before = (await runsOf(world.db, incident.id)).length;
  const run = await started(incident);
  await performProbe(world.deps, run.id, 'connection-pool', signal);
  await closeRun(world.deps, run.id);
  const after = await mitigationsOf(world.db, incident.id);
  expect(after.map(({ id, state }) => ({ id, state }))).toEqual(
    offered.map(({ id }) => ({ id, state: 'proposed' })),
  );
  expect(await runsOf(world.db, incident.id)).toHaveLength(before + 1);
  const view = await loadIncidentView(world.deps, incident.id);
  expect(view?.runs.findLast(({ kind }) => kind === 'triage')?.diagnosis).not.toBeUndefined();
});

test('while a run is under way there is no second one: its report when it is there, else word of it', async () => {
  const incident = await world.openIncident();
  const triage = await startRun(world.deps, incident, TRIAGE);
  if (!triage) throw new Error('no run');
  expect(await ask(incident.service)).toMatchObject({ outcome: 'looking', run: { id: triage.id } });
  await performProbe(world.deps, triage.id, 'connection-pool', signal);
  expect(await ask(incident.service)).toMatchObject({
    outcome: 'answered',
    report: { probe: { id: 'connection-pool' }, answer: { status: 'answered' } },
  });
  const failed = { probeId: 'lock-tree', step: 2, startedAt: new Date().toISOString(), durationMs: 5 };
  await saveReport(world.db, triage.id, { ...failed, status: 'failed', reason: 'gone', code: 'internal' });
  expect(await ask(incident.service, 'lock-tree')).toMatchObject({
    outcome: 'answered',
    report: { answer: { status: 'failed', reason: 'gone' } },
  });
  expect(await runsOf(world.db, incident.id)).toHaveLength(1);
});

test('of ten who ask at once one starts a run; who asks for another probe has to wait', async () => {
  const incident = await world.openIncident();
  const asked = await Promise.all(Array.from({ length: 10 }, () => ask(incident.service)));
  const outcomes = asked.map(({ outcome }) => outcome).toSorted();
  expect(outcomes).toEqual([...Array(9).fill('looking'), 'started']);
  expect(await ask(incident.service, 'lock-tree')).toEqual({ outcome: 'busy' });
  expect(await startRun(world.deps, incident, TRIAGE)).toBeNull();
});

test('a run of one probe does not count as the first look at an incident', async () => {
  const incident = await world.openIncident();
  const run = await started(incident);
  await performProbe(world.deps, run.id, 'connection-pool', signal);
  await closeRun(world.deps, run.id);
  await world.db.query("update incidents set opened_at = now() - interval '5 seconds' where id = $1", [
    incident.id,
  ]);
  await sweep(world.deps, { starting: false });
  expect((await runsOf(world.db, incident.id)).map(({ kind }) => kind)).toEqual(['probe', 'triage']);
});

test('a run whose probe never answers ends at its deadline, and says so', async () => {
  const incident = await world.openIncident();
  const run = await started(incident);
  expect(await closeRun(world.deps, run.id)).toBe(false);
  await world.db.query('update runs set deadline_at = now() where id = $1', [run.id]);
  expect(await closeRun(world.deps, run.id)).toBe(true);
  const [row] = await reportsOf(world.db, run.id);
  expect(row).toMatchObject({ status: 'failed', reason: "no answer before the run's deadline" });
  const view = await loadIncidentView(world.deps, incident.id);
  expect(view?.probeRuns).toMatchObject([{ report: { answer: { status: 'failed' } } }]);
});

test('without an open incident nothing is started, and nothing is stored', async () => {
  const service = world.addService();
  expect(await ask(service)).toEqual({ outcome: 'no-incident' });
  const incident = await world.openIncident();
  await resolveIncident(world.deps, incident.id, ASKER);
  expect(await ask(incident.service)).toEqual({ outcome: 'no-incident' });
  expect(await runsOf(world.db, incident.id)).toEqual([]);
});

test('looks outside of incidents: shared by all who ask for the same, one probe at a time', async () => {
  const looks = createLooks(world.deps);
  const service = world.deps.services.get(world.addService());
  if (!service) throw new Error('no service');
  const before = await world.db.query('select count(*) as n from runs');
  const first = looks.look(service, 'connection-pool');
  expect(looks.look(service, 'connection-pool')).toBe(first);
  expect(looks.look(service, 'lock-tree')).toBeNull();
  expect(await first).toMatchObject({ answer: { status: 'answered' } });
  await expect(looks.look(service, 'no-such-probe')).rejects.toThrow('there is no probe');
  const again = looks.look(service, 'connection-pool');
  expect(await again).toMatchObject({ answer: { status: 'answered' } });
  expect((await world.db.query('select count(*) as n from runs')).rows).toEqual(before.rows);
});
