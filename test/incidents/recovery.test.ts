import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Diagnosis } from '../../src/diagnosis/diagnosis.ts';
import { judgeRecovery, RECOVERY_CHECKS } from '../../src/incidents/judge-recovery.ts';
import { checkRecovery } from '../../src/incidents/recovery.ts';
import { closeRun, startRun } from '../../src/incidents/run.ts';
import { findIncident } from '../../src/store/incidents.ts';
import { type MitigationRow, mitigationsOf } from '../../src/store/mitigations.ts';
import { type Run, runsOf } from '../../src/store/runs.ts';
import { audited, now, offered, timelineOf } from './offers.ts';
import { ASKER, createWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

/** A mitigation that was carried out, with this many checks behind it; the next is due now. */
async function succeeded(checks = 0): Promise<MitigationRow> {
  const { mitigation } = await offered(world);
  await world.db.query(
    "update mitigations set state = 'succeeded', recovery_checks = $2, next_check_at = clock_timestamp() where id = $1",
    [mitigation.id, checks],
  );
  return now(world, mitigation);
}

const endRun = (row: MitigationRow) =>
  world.db.query("update runs set state = 'finished' where incident_id = $1", [row.incidentId]);
const recoveriesOf = async (row: MitigationRow) =>
  (await runsOf(world.db, row.incidentId)).filter((run) => run.kind === 'recovery');

test('ten who check at once start one run', async () => {
  const row = await succeeded();
  await Promise.all(Array.from({ length: 10 }, () => checkRecovery(world.deps, row.id)));
  expect(await recoveriesOf(row)).toMatchObject([{ mitigationId: row.id, state: 'running' }]);
  expect(await now(world, row)).toMatchObject({ recoveryChecks: 1 });
});

test('whoever comes late, after the run is over, does not look a second time', async () => {
  const row = await succeeded();
  await checkRecovery(world.deps, row.id);
  await endRun(row);
  await checkRecovery(world.deps, row.id);
  expect(await recoveriesOf(row)).toHaveLength(1);
  expect((await now(world, row)).recoveryChecks).toBe(1);
});

test('while another run is under way nothing is counted: it stays due', async () => {
  const row = await succeeded();
  const incident = await findIncident(world.db, row.incidentId);
  if (!incident) throw new Error('no incident');
  await startRun(world.deps, incident, { kind: 'triage', requestedBy: ASKER, mitigationId: null });
  await checkRecovery(world.deps, row.id);
  expect(await now(world, row)).toEqual(row);
  await endRun(row);
  await checkRecovery(world.deps, row.id);
  expect((await now(world, row)).recoveryChecks).toBe(1);
});

test.each(['verified', 'not-recovered', 'failed', 'executing', 'interrupted'])(
  'nothing is looked at in %s',
  async (state) => {
    const row = await succeeded();
    await world.db.query('update mitigations set state = $2 where id = $1', [row.id, state]);
    await checkRecovery(world.deps, row.id);
    expect(await recoveriesOf(row)).toEqual([]);
  },
);

test('a check that gets lost is made up for after its deadline', async () => {
  const row = await succeeded();
  await checkRecovery(world.deps, row.id);
  const [run] = await recoveriesOf(row);
  const { nextCheckAt } = await now(world, row);
  expect(nextCheckAt?.getTime()).toBeGreaterThan(run?.deadlineAt.getTime() ?? Number.POSITIVE_INFINITY);
});

/** What a look at the service said: this p95, what became of the cause, and the share of failed requests. */
function seen(
  p95Ms: number | null,
  cause: 'found' | 'ruled-out' | 'could-not-look',
  errorRate: number | null = 0,
): Diagnosis {
  const latency = { p50Ms: null, p95Ms, p99Ms: null, rps: 10, queueMs: 0, errorRate, byView: {} };
  const found = {
    evidence: [],
    against: [],
    mitigations: [],
    advice: [],
    share: null,
    confidence: null,
    summary: '',
  };
  return {
    ...{ verdict: 'no-cause-proven', severity: 'none', severityReason: '', scope: latency },
    ledger: {
      totalInFlight: 0,
      entries: [],
      blind: [],
      fromCompletions: null,
      fromStates: null,
      statesOf: null,
    },
    causes: [
      { ...found, id: 'lock-idle-in-tx', status: cause },
      { ...found, id: 'long-running-query', status: 'found' },
    ],
  };
}

async function judge(row: MitigationRow, diagnosis: Diagnosis): Promise<void> {
  const service = world.deps.services.get(row.service);
  if (!service) throw new Error('no service');
  const run: Run = {
    ...{
      id: row.runId,
      incidentId: row.incidentId,
      service: row.service,
      kind: 'recovery',
      mitigationId: row.id,
    },
    ...{ requestedBy: 'latency-bot', state: 'finished', bells: 1, diagnosis },
    ...{ startedAt: new Date(), deadlineAt: new Date(), finishedAt: new Date() },
  };
  await world.db.transaction((db) => judgeRecovery(db, run, diagnosis, service));
}

// The objective is 200 ms.
test.each([
  ['p95 at its objective and the cause gone', 200, 'ruled-out', 1, 'verified'],
  ['p95 just above it', 200.1, 'ruled-out', 1, 'succeeded'],
  ['p95 fine, but the cause is back', 100, 'found', 1, 'succeeded'],
  ['latency that cannot be measured', null, 'ruled-out', 1, 'succeeded'],
  ['the last look but one, still slow', 900, 'ruled-out', RECOVERY_CHECKS - 1, 'succeeded'],
  ['the last look, still slow', 900, 'ruled-out', RECOVERY_CHECKS, 'not-recovered'],
  ['the last look, not measurable', null, 'ruled-out', RECOVERY_CHECKS, 'not-recovered'],
  ['the last look, recovered', 150, 'ruled-out', RECOVERY_CHECKS, 'verified'],
] as const)('%s', async (_what, p95Ms, cause, checks, state) => {
  const row = await succeeded(checks);
  await judge(row, seen(p95Ms, cause));
  expect((await now(world, row)).state).toBe(state);
  const incident = await findIncident(world.db, row.incidentId);
  expect(incident?.state).toBe(state === 'verified' ? 'monitoring' : 'investigating');
  const timeline = (await timelineOf(world, row.incidentId)).slice(1);
  expect(timeline).toEqual(
    { verified: ['recovered'], 'not-recovered': ['not-recovered'], succeeded: [] }[state],
  );
  expect(await audited(world, `mitigation:${row.id}`)).toEqual(
    state === 'succeeded' ? [] : [`mitigation.${state}`],
  );
});

test.each([
  ['the cause could not be looked at', seen(100, 'could-not-look')],
  ['the diagnosis says nothing about the cause', { ...seen(100, 'ruled-out'), causes: [] }],
  ['more requests fail than on a healthy day', seen(100, 'ruled-out', 0.011)],
])('quick requests prove no recovery when %s', async (_what, diagnosis) => {
  const early = await succeeded(1);
  await judge(early, diagnosis);
  expect((await now(world, early)).state).toBe('succeeded');
  const last = await succeeded(RECOVERY_CHECKS);
  await judge(last, diagnosis);
  expect((await now(world, last)).state).toBe('not-recovered');
});

test.each([0.01, null])('a share of failed requests of %s is healthy', async (errorRate) => {
  const row = await succeeded(1);
  await judge(row, seen(100, 'ruled-out', errorRate));
  expect((await now(world, row)).state).toBe('verified');
});

test.each([900, null])('the timeline tells the p95 of the last look: %s', async (p95Ms) => {
  const row = await succeeded(RECOVERY_CHECKS);
  await judge(row, seen(p95Ms, 'ruled-out'));
  const { rows } = await world.db.query(
    "select data from timeline where incident_id = $1 and kind = 'not-recovered'",
    [row.incidentId],
  );
  expect(rows).toEqual([{ data: { mitigationId: row.id, runId: row.runId, p95Ms } }]);
});

test('looking again is due five seconds later', async () => {
  const row = await succeeded(1);
  await judge(row, seen(900, 'found'));
  const { rows } = await world.db.query<{ s: number }>(
    'select extract(epoch from next_check_at - clock_timestamp())::float8 as s from mitigations where id = $1',
    [row.id],
  );
  expect(rows[0]?.s).toBeGreaterThan(4);
  expect(rows[0]?.s).toBeLessThanOrEqual(5);
});

test('what was judged once is not judged again', async () => {
  const row = await succeeded(1);
  await judge(row, seen(100, 'ruled-out'));
  await judge(row, seen(900, 'found'));
  expect((await now(world, row)).state).toBe('verified');
  expect(await timelineOf(world, row.incidentId)).toEqual(['opened', 'recovered']);
});

test('a recovery does not reopen an incident that is over', async () => {
  const row = await succeeded(1);
  await world.db.query("update incidents set state = 'resolved' where id = $1", [row.incidentId]);
  await judge(row, seen(100, 'ruled-out'));
  expect((await findIncident(world.db, row.incidentId))?.state).toBe('resolved');
});

test('what did not help leads back to a look at what else is slow, and to nothing more', async () => {
  const row = await succeeded(RECOVERY_CHECKS);
  await checkRecovery(world.deps, row.id);
  const [run] = await recoveriesOf(row);
  if (!run) throw new Error('no run');
  await world.db.query("update runs set deadline_at = clock_timestamp() - interval '1 s' where id = $1", [
    run.id,
  ]);
  await Promise.all([closeRun(world.deps, run.id), closeRun(world.deps, run.id)]);
  expect((await now(world, row)).state).toBe('not-recovered');
  const runs = await runsOf(world.db, row.incidentId);
  expect(runs.filter(({ kind, state }) => kind === 'triage' && state === 'running')).toHaveLength(1);
  const all = await mitigationsOf(world.db, row.incidentId);
  expect(all.filter(({ claim }) => claim !== null)).toEqual([]);
});
