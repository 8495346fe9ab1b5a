import { expect, test } from 'vitest';
import type { Baseline } from '../../src/probes/baseline.ts';
import { runProbe } from '../../src/probes/run-probe.ts';
import { topStatements } from '../../src/probes/top-statements.ts';
import { reportOf } from '../helpers/run.ts';
import { firstReadDone, type StatementsScene, withStatements } from '../helpers/statements-scene.ts';

const WINDOW_MS = 1_200;

async function look(scene: StatementsScene, load: () => Promise<unknown>, windowMs = WINDOW_MS) {
  const reporting = reportOf(topStatements, scene.service, scene.targets, windowMs);
  await firstReadDone(scene.database);
  await load();
  return reporting;
}

test('ranks by time, shares it out by role, and shows no literal', () =>
  withStatements(async (scene) => {
    const celery = await scene.database.openSession('celery', 'superuser');
    const load = async () => {
      await scene.lookUpAgency(20);
      await scene.api.query("select pg_sleep(0.4), 'Schmidt'");
      await celery.query('select pg_sleep(0.2)');
    };
    const report = await look(scene, load, 2_500);
    const [top] = report.statements;
    expect(top?.query.text).toContain('pg_sleep');
    expect(top).toMatchObject({ calls: 1, isApplication: true, rowsPerCall: 1, isNew: null, normal: null });
    expect(top?.meanMs).toBeGreaterThanOrEqual(400);
    expect(top?.share).toBeGreaterThan(0.5);
    expect(top?.averageActive).toBeCloseTo((top?.meanMs ?? 0) / report.windowMs, 3);
    expect(report.byRole.map(({ isApplication }) => isApplication)).toEqual([true, false]);
    expect(report.byRole[1]?.share).toBeGreaterThan(0.2);
    expect(report.own.calls).toBeGreaterThan(0);
    expect(JSON.stringify(report)).not.toContain('Schmidt');
    expect(report.notSeen.map(({ what }) => what)).toEqual(['time that statements waited for I/O']);
  }));

test('a healthy database without load has nothing on top', () =>
  withStatements(async (scene) => {
    const report = await reportOf(topStatements, scene.service, scene.targets, 300);
    // What stands here are the looks of this test alone.
    expect(report.statements.filter(({ isApplication }) => isApplication)).toEqual([]);
    expect(report.total.averageActive).toBeLessThan(0.5);
  }));

test('statements with lists of different lengths are one shape', () =>
  withStatements(async (scene) => {
    const report = await look(scene, async () => {
      await scene.api.query('select count(*) from accounts_account where id = any ($1)', [[1, 2]]);
      await scene.api.query('select count(*) from accounts_account where id in (1, 2, 3)');
    });
    const counts = report.statements.filter(({ query }) => query.text.includes('count('));
    expect(counts).toMatchObject([{ calls: 2 }]);
    expect(counts[0]?.queryIds).toHaveLength(2);
  }));

test('compares with a healthy day: slower than usual, and never seen', () =>
  withStatements(async (scene) => {
    const sleep = () => scene.api.query('select pg_sleep(0.1)');
    const [seen] = (await look(scene, sleep)).statements;
    const { role = '', fingerprint = '' } = seen ?? {};
    const norm = { role, fingerprint, meanMs: 10, callsPerSecond: 3, callsPerRequest: null, samples: 4 };
    const baseline: Baseline = {
      ...{ samples: 4, since: '2026-03-01T12:00:00.000Z', api: null, yesterday: null, lastWeek: null },
      statements: [norm],
    };
    const signal = AbortSignal.timeout(10_000);
    const outcome = runProbe(topStatements, { ...scene, windowMs: WINDOW_MS, signal, baseline }, 10_000);
    await firstReadDone(scene.database);
    await sleep();
    await scene.api.query('select pg_sleep(0.05), 1 as new_release');
    const ended = await outcome;
    if (ended.status !== 'answered') throw new Error(ended.reason);
    const [slower, added] = ended.report.statements;
    expect(slower).toMatchObject({ isNew: false, normal: { meanMs: 10, callsPerSecond: 3 } });
    expect(slower?.meanFactor).toBeGreaterThan(9);
    expect(added).toMatchObject({ isNew: true, normal: null, meanFactor: null });
  }));

test('a reset in the middle of the window is said, and nothing is negative', () =>
  withStatements(async (scene) => {
    await scene.lookUpAgency(50);
    const report = await look(scene, async () => {
      await scene.lookUpAgency(5);
      await scene.database.query(
        'select pg_stat_statements_reset(0, (select oid from pg_database where datname = current_database()), 0)',
      );
      await scene.lookUpAgency(3);
    });
    const lookup = report.statements.find(({ query }) => query.text.includes('accounts_agency'));
    expect(lookup).toMatchObject({ calls: 3, earlierMeanMs: null });
    expect(report.notSeen.some(({ reason }) => reason.includes('reset'))).toBe(true);
  }));

test('without the extension it says what to create', () =>
  withStatements(async (scene) => {
    await scene.database.query('drop extension pg_stat_statements');
    const signal = AbortSignal.timeout(5_000);
    expect(await runProbe(topStatements, { ...scene, windowMs: 100, signal })).toMatchObject({
      status: 'failed',
      code: 'not-configured',
      reason: expect.stringContaining('create extension pg_stat_statements'),
    });
  }));

test('a role that may not read it is told the grant', () =>
  withStatements(async (scene) => {
    await scene.database.query('revoke execute on function pg_stat_statements from public');
    const signal = AbortSignal.timeout(5_000);
    expect(await runProbe(topStatements, { ...scene, windowMs: 100, signal })).toMatchObject({
      status: 'failed',
      code: 'target-permission',
      reason: expect.stringMatching(/grant .* to probe_/),
    });
  }));
