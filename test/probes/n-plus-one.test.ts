import { expect, test } from 'vitest';
import type { Baseline } from '../../src/probes/baseline.ts';
import { nPlusOne } from '../../src/probes/n-plus-one.ts';
import { runProbe } from '../../src/probes/run-probe.ts';
import { reportOf } from '../helpers/run.ts';
import { type StatementsScene, withStatements } from '../helpers/statements-scene.ts';

const WINDOW_MS = 1_200;

async function look(scene: StatementsScene, load: () => Promise<void>) {
  const reporting = reportOf(nPlusOne, scene.service, scene.targets, WINDOW_MS);
  await scene.within(load);
  return reporting;
}

test('names the lookup, its list, the view and the relation of the runbook', () =>
  withStatements(async (scene) => {
    const report = await look(scene, async () => {
      scene.serve('payment-list', 30);
      for (let request = 0; request < 6; request += 1) {
        await scene.listLazily({ debtor: true });
        scene.serve('account-list', 1);
      }
    });
    expect(report.findings).toHaveLength(2);
    const agency = report.findings.find(({ table }) => table === 'accounts_agency');
    expect(agency).toMatchObject({
      kind: 'foreign-key',
      columns: ['id'],
      calls: 300,
      rowsPerCall: 1,
      view: 'account-list',
      parent: { tables: ['accounts_account'], rowsPerCall: 50, related: true },
      suggestion: "AccountViewSet.get_queryset(): Account.objects.select_related('agency')",
      inRunbook: true,
      normalCallsPerRequest: null,
    });
    expect(agency?.callsPerRequest).toBeGreaterThan(40);
    expect(agency?.callsPerRequest).toBeLessThan(60);
    // 300 lookups over 36 requests: all requests together do not show it.
    expect(agency?.callsPerAnyRequest).toBeLessThan(10);
    expect(report.fixes).toHaveLength(1);
    expect(report.fixes[0]).toMatch(
      /^AccountViewSet\.get_queryset\(\): Account\.objects\.select_related\('(agency|debtor)', '(agency|debtor)'\)$/,
    );
    expect(agency?.callShare).toBeGreaterThan(0.4);
  }));

test('a busy lookup that every request sends once is not N+1, and neither are equal numbers', () =>
  withStatements(async (scene) => {
    const report = await look(scene, async () => {
      await scene.lookUpAgency(300);
      scene.serve('session-check', 300);
      // 300 rows of lists beside 300 lookups: chance, since each of 300 requests sends one.
      for (let i = 0; i < 6; i += 1) await scene.api.query('select g from generate_series(1, 50) g');
    });
    expect(report.findings).toEqual([]);
    expect(report.busiest[0]).toMatchObject({ table: 'accounts_agency', calls: 300 });
    expect(report.busiest[0]?.callsPerAnyRequest).toBeGreaterThan(0.8);
    expect(report.busiest[0]?.callsPerAnyRequest).toBeLessThan(1.3);
  }));

test('the reverse side asks for a prefetch', () =>
  withStatements(async (scene) => {
    await scene.api.query('create table accounts_activity (id int, account_id int, note text)');
    const report = await look(scene, async () => {
      for (let request = 0; request < 4; request += 1) {
        await scene.list();
        for (let id = 1; id <= 50; id += 1)
          await scene.api.query('select note from accounts_activity where account_id = $1', [id]);
        scene.serve('account-list', 1);
      }
    });
    expect(report.findings[0]).toMatchObject({
      kind: 'reverse',
      table: 'accounts_activity',
      columns: ['account_id'],
      rowsPerCall: 0,
      suggestion: "AccountViewSet.get_queryset(): Account.objects.prefetch_related('activities')",
    });
  }));

test('a relation that the runbook does not know gets a general suggestion', () =>
  withStatements(async (scene) => {
    await scene.api.query('create table billing_invoice (id int primary key, branch_id int)');
    await scene.api.query('create table billing_branch (id int primary key)');
    await scene.api.query('insert into billing_invoice select g, g from generate_series(1, 30) g');
    const report = await look(scene, async () => {
      for (let request = 0; request < 4; request += 1) {
        await scene.api.query('select id, branch_id from billing_invoice');
        for (let id = 1; id <= 30; id += 1)
          await scene.api.query('select id from billing_branch where id = $1', [id]);
        scene.serve('invoice-list', 1);
      }
    });
    expect(report.findings[0]).toMatchObject({ view: 'invoice-list', inRunbook: false });
    expect(report.findings[0]?.suggestion).toContain("'branch'");
  }));

test('says what is normal, when it was kept', () =>
  withStatements(async (scene) => {
    const load = async () => {
      for (let request = 0; request < 3; request += 1) {
        await scene.listLazily();
        scene.serve('account-list', 1);
      }
    };
    const [finding] = (await look(scene, load)).findings;
    const { role = '', fingerprint = '' } = finding ?? {};
    const norm = { role, fingerprint, meanMs: 0.1, callsPerSecond: 2, callsPerRequest: 1, samples: 5 };
    const baseline: Baseline = {
      ...{ samples: 5, since: '2026-03-01T12:00:00.000Z', api: null, yesterday: null, lastWeek: null },
      statements: [norm],
    };
    const signal = AbortSignal.timeout(10_000);
    const outcome = runProbe(nPlusOne, { ...scene, windowMs: WINDOW_MS, signal, baseline }, 10_000);
    await scene.within(load);
    expect(await outcome).toMatchObject({
      status: 'answered',
      report: { findings: [{ normalCallsPerRequest: 1 }] },
    });
  }));

test('without requests nothing is said about requests, and that is said', () =>
  withStatements(async (scene) => {
    const report = await look(scene, () => scene.listLazily());
    expect(report.rps).toBe(0);
    expect(report.statementsPerRequest).toBeNull();
    expect(report.notSeen).toContainEqual(expect.objectContaining({ what: 'lookups per request' }));
    // The list itself says enough: 50 lookups for one page.
    expect(report.findings[0]).toMatchObject({ callsPerRequest: 50, view: null, callsPerAnyRequest: null });
  }));
