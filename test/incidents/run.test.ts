import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { resolveIncident } from '../../src/incidents/lead.ts';
import { closeRun, performProbe, ringRun, startRun } from '../../src/incidents/run.ts';
import { PROBES } from '../../src/probes/index.ts';
import type { ProbeOutcome } from '../../src/probes/probe.ts';
import { findIncident, type Incident } from '../../src/store/incidents.ts';
import { mitigationsOf } from '../../src/store/mitigations.ts';
import {
  abandonRun,
  claimReport,
  findRun,
  type Run,
  reportsOf,
  runsOf,
  saveReport,
} from '../../src/store/runs.ts';
import { audited, idleInTransaction, timelineOf } from './offers.ts';
import { ASKER, createWorld, type World } from './world.ts';

const PROBE_IDS = Object.keys(PROBES);
const TRIAGE = { kind: 'triage', requestedBy: ASKER, mitigationId: null } as const;

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
beforeEach(() => {
  world.bell.down = false;
  world.bell.runs.length = 0;
});
afterEach(() => {
  vi.useRealTimers();
});
afterAll(() => world.close());

async function started(incident: Incident): Promise<Run> {
  const run = await startRun(world.deps, incident, TRIAGE);
  if (!run) throw new Error('the service has a run under way');
  return run;
}

const outcome = (probeId: string): ProbeOutcome => ({
  ...{ probeId, step: 1, status: 'skipped', reason: 'not configured', code: 'not-configured' },
  ...{ startedAt: new Date().toISOString(), durationMs: 1 },
});

async function reportAll(run: Run, except: string[] = []): Promise<void> {
  for (const id of PROBE_IDS) if (!except.includes(id)) await saveReport(world.db, run.id, outcome(id));
}

const passDeadline = (run: Run) =>
  world.db.query("update runs set deadline_at = clock_timestamp() - interval '1 millisecond' where id = $1", [
    run.id,
  ]);
const signal = new AbortController().signal;

test('of ten who start a run of one service at once, one does', async () => {
  const incident = await world.openIncident();
  const runs = await Promise.all(Array.from({ length: 10 }, () => startRun(world.deps, incident, TRIAGE)));
  expect(runs.filter(Boolean)).toHaveLength(1);
  expect(await runsOf(world.db, incident.id)).toHaveLength(1);
  expect(await timelineOf(world, incident.id)).toEqual(['opened', 'run-started']);
  expect(world.bell.runs).toEqual([{ runId: runs.find(Boolean)?.id, ring: 1, probeIds: PROBE_IDS }]);
});

test('another service may be looked at meanwhile; the same one only when its run is over', async () => {
  const [one, two] = [await world.openIncident(), await world.openIncident()];
  const first = await started(one);
  await started(two);
  expect(await startRun(world.deps, one, TRIAGE)).toBeNull();
  await reportAll(first);
  expect(await closeRun(world.deps, first.id)).toBe(true);
  expect(await startRun(world.deps, one, TRIAGE)).not.toBeNull();
});

test('a queue that does not answer loses no run: it can be rung again, with a number of its own', async () => {
  const incident = await world.openIncident();
  world.bell.down = true;
  const run = await started(incident);
  world.bell.down = false;
  await saveReport(world.db, run.id, outcome('lock-tree'));
  await ringRun(world.deps, run);
  expect(world.bell.runs).toEqual([
    { runId: run.id, ring: 2, probeIds: PROBE_IDS.filter((id) => id !== 'lock-tree') },
  ]);
});

test('two workers that get the same probe at once perform it once', async () => {
  const incident = await world.openIncident();
  const run = await started(incident);
  let performed = 0;
  const deps = {
    ...world.deps,
    targets: (id: string) => {
      performed += 1;
      return world.deps.targets(id);
    },
  };
  await Promise.all(Array.from({ length: 4 }, () => performProbe(deps, run.id, 'connection-pool', signal)));
  expect(performed).toBe(1);
  const [report] = (await reportsOf(world.db, run.id)).filter(({ probeId }) => probeId === 'connection-pool');
  expect(report).toMatchObject({
    status: 'answered',
    report: expect.any(Object),
    durationMs: expect.any(Number),
  });
  await performProbe(deps, run.id, 'connection-pool', signal);
  expect(performed).toBe(1);
});

test('the claim of a worker that died is free again after its time, and never in a run that is over', async () => {
  const incident = await world.openIncident();
  const run = await started(incident);
  const claim = () => claimReport(world.db, run.id, 'lock-tree', 5_000);
  expect(await Promise.all([claim(), claim(), claim()]).then((won) => won.filter(Boolean))).toHaveLength(1);
  const claimedAgo = (ms: number) =>
    world.db.query(
      "update reports set claimed_at = clock_timestamp() - $2 * interval '1 millisecond' where run_id = $1 and probe_id = 'lock-tree'",
      [run.id, ms],
    );
  await claimedAgo(4_000);
  expect(await claim()).toBe(false);
  await claimedAgo(5_001);
  expect(await claim()).toBe(true);
  expect(await claim()).toBe(false);
  await claimedAgo(60_000);
  expect(await abandonRun(world.db, run.id)).toBe(true);
  expect(await claim()).toBe(false);
});

test('a run stays open while probes are under way', async () => {
  const run = await started(await world.openIncident());
  await reportAll(run, ['lock-tree']);
  // A process whose clock is wrong must not cut a run short, or hold it open.
  vi.useFakeTimers({ toFake: ['Date'] });
  vi.setSystemTime(Date.now() + 3_600_000);
  expect(await closeRun(world.deps, run.id)).toBe(false);
  expect((await findRun(world.db, run.id))?.state).toBe('running');
  await passDeadline(run);
  vi.setSystemTime(Date.now() - 7_200_000);
  expect(await closeRun(world.deps, run.id)).toBe(true);
});

test('at its deadline it is closed without those that are late, which are not counted as nothing there', async () => {
  const run = await started(await world.openIncident());
  await claimReport(world.db, run.id, 'lock-tree', 60_000);
  await reportAll(run, ['lock-tree', 'connection-pool']);
  await passDeadline(run);
  expect(await closeRun(world.deps, run.id)).toBe(true);

  const closed = await findRun(world.db, run.id);
  expect(closed).toMatchObject({ state: 'finished', diagnosis: { verdict: 'no-cause-proven' } });
  const blind = closed?.diagnosis?.causes.find((cause) => cause.id === 'lock-idle-in-tx');
  expect(blind?.status).toBe('could-not-look');
  const late = { status: 'failed', code: 'target-timeout', reason: "no answer before the run's deadline" };
  const reports = await reportsOf(world.db, run.id);
  expect(reports.find((report) => report.probeId === 'lock-tree')).toMatchObject(late);
  expect(reports.find((report) => report.probeId === 'connection-pool')).toMatchObject({
    ...late,
    durationMs: null,
  });
  // What comes now is too late: the card must show what the diagnosis was made of.
  expect(await saveReport(world.db, run.id, outcome('lock-tree'))).toBe(false);
  expect(await reportsOf(world.db, run.id)).toEqual(reports);
});

test('of ten who close a run at once, one does', async () => {
  const incident = await world.openIncident();
  const run = await started(incident);
  await reportAll(run);
  const closed = await Promise.all(Array.from({ length: 10 }, () => closeRun(world.deps, run.id)));
  expect(closed).toEqual(Array(10).fill(true));
  expect(await timelineOf(world, incident.id)).toEqual(['opened', 'run-started', 'diagnosed']);
  expect(await audited(world, `run:${run.id}`)).toEqual(['run.started', 'run.diagnosed']);
});

test('a run or a probe that does not exist does no harm', async () => {
  const run = await started(await world.openIncident());
  await performProbe(world.deps, 987_654, 'lock-tree', signal);
  await performProbe(world.deps, run.id, 'no-such-probe', signal);
  expect(await closeRun(world.deps, 987_654)).toBe(true);
  expect((await reportsOf(world.db, run.id)).every((report) => report.status === 'pending')).toBe(true);
});

test('an idle transaction that holds up the API is found by a whole run, and its end offered once', async () => {
  const lockWaitMs = 0;
  const incident = await world.openIncident({ thresholds: { lockWaitMs } });
  const waiter = await world.app.openSession('gunicorn');
  await waiter.query('create table debts (id int)');
  const holder = await idleInTransaction(world, 'celery: reconcile');
  await holder.query('lock table debts');
  const waiting = waiter.query('select from debts');
  const waits = "select from pg_stat_activity where wait_event_type = 'Lock' and pid = $1";
  await expect.poll(async () => (await world.app.query(waits, [waiter.pid])).rowCount).toBe(1);

  for (let look = 0; look < 2; look += 1) {
    const run = await started(incident);
    await Promise.all(PROBE_IDS.map((id) => performProbe(world.deps, run.id, id, signal)));
    expect(await closeRun(world.deps, run.id)).toBe(true);
    expect((await findRun(world.db, run.id))?.diagnosis?.verdict).toBe('cause-found');
  }
  // The second look found the same target, which is only older: the offer is the same row, not another.
  const offers = await mitigationsOf(world.db, incident.id);
  expect(offers).toHaveLength(1);
  expect(offers).toMatchObject([
    { kind: 'terminate-backend', state: 'proposed', target: { pid: holder.pid }, causeId: 'lock-idle-in-tx' },
  ]);
  expect((await findIncident(world.db, incident.id))?.revision).toBeGreaterThan(1);

  const after = await started(incident);
  await Promise.all(PROBE_IDS.map((id) => performProbe(world.deps, after.id, id, signal)));
  await resolveIncident(world.deps, incident.id, ASKER);
  expect(await closeRun(world.deps, after.id)).toBe(true);
  const left = await mitigationsOf(world.db, incident.id);
  expect(left.map((row) => row.state)).toEqual(['withdrawn']);
  await holder.query('rollback');
  await waiting;
});

test('what a run does not find again is not on offer any more', async () => {
  const incident = await world.openIncident();
  const first = await started(incident);
  await reportAll(first);
  await closeRun(world.deps, first.id);
  await world.db.query(
    `insert into mitigations (incident_id, run_id, service, cause_id, kind, title, risk, target, target_hash, dry_run, state)
     select $1, $2, $3, 'x', 'x', state, 'low', '{}', state, '{}', state from unnest($4::text[]) as state`,
    [incident.id, first.id, incident.service, ['proposed', 'requested', 'approved', 'executing']],
  );
  const second = await started(incident);
  await reportAll(second);
  await closeRun(world.deps, second.id);
  const rows = await mitigationsOf(world.db, incident.id);
  expect(rows.map((row) => row.state)).toEqual(['withdrawn', 'requested', 'approved', 'executing']);
});
