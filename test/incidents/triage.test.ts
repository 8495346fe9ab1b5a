import { expect, test, vi } from 'vitest';
import { z } from 'zod';
import type { NamedService } from '../../src/config/schema.ts';
import type { Cause } from '../../src/diagnosis/diagnosis.ts';
import { diagnoseJson } from '../../src/incidents/diagnose-json.ts';
import { type Triage, triageOnce } from '../../src/incidents/triage.ts';
import { BackendTarget } from '../../src/mitigations/backend-target.ts';
import { cancelQuery } from '../../src/mitigations/cancel-query.ts';
import { terminateBackend } from '../../src/mitigations/terminate-backend.ts';
import { PROBES } from '../../src/probes/index.ts';
import type { ProbeOutcome } from '../../src/probes/probe.ts';
import { fakeMetrics, listenOn } from '../helpers/fake-api.ts';
import { createAccounts, holdRow, waitForRow } from '../helpers/lock-scene.ts';
import { mitigationContext } from '../helpers/look-at.ts';
import { withTargets } from '../helpers/run.ts';
import { withTestDatabase } from '../helpers/test-database.ts';
import { serviceOn, testService } from '../helpers/test-service.ts';
import { takeAllSlots, withTinyPostgres } from '../helpers/tiny-postgres.ts';

/** Without somebody to approve them no changes are offered. */
const approvals = { approvers: ['UAPPROVER'] };

/** An API that answers `seconds` to 100 requests in every window. */
async function withApi(seconds: number, work: (url: string) => Promise<void>): Promise<void> {
  const api = fakeMetrics();
  const server = await listenOn((_request, response) => {
    api.serve('account-list', seconds, 100);
    response.end(api.text());
  });
  await work(`${server.url}/metrics`).finally(server.close);
}

const run = (service: NamedService, onProgress?: (outcome: ProbeOutcome) => void): Promise<Triage> =>
  withTargets(service, (targets) => triageOnce({ service, targets, onProgress }));

const byId = (triage: Triage, id: string): Cause | undefined =>
  triage.diagnosis.causes.find((c) => c.id === id);

test('an idle transaction holds up the API: found, ended as proposed, gone', () =>
  withTestDatabase((database) =>
    withApi(3, async (url) => {
      await createAccounts(database);
      const holder = await holdRow(database);
      const { ended } = await waitForRow(database, 4);
      const service = serviceOn(database, {
        targets: { metrics: { url } },
        approvals,
      });
      const progress: string[] = [];
      const triage = await run(service, (outcome) => progress.push(outcome.probeId));
      expect(progress.sort()).toEqual(Object.keys(PROBES).sort());
      expect(triage.diagnosis).toMatchObject({ verdict: 'cause-found', severity: 'P2' });
      const [cause] = triage.diagnosis.causes;
      expect(cause).toMatchObject({
        id: 'lock-idle-in-tx',
        confidence: 0.9,
        summary: expect.stringMatching(
          new RegExp(
            `^pid ${holder.pid} \\(celery: reconcile_payments\\) has been idle in transaction for .* and 4 sessions wait for its locks on accounts_account: \\d+ % of request time\\.$`,
          ),
        ),
        mitigations: [{ kind: 'terminate-backend', dryRun: { freed: 4 } }],
      });
      expect(
        triage.diagnosis.ledger.entries.find(({ place }) => place === 'lock-wait')?.inFlight,
      ).toBeCloseTo(4);

      await withTargets(service, async (targets) => {
        const target = BackendTarget.parse(cause?.mitigations[0]?.target);
        const context = mitigationContext(service, targets);
        expect(await terminateBackend.execute(target, context)).toMatchObject({ effect: 'done' });
        expect(await terminateBackend.verify(target, context)).toMatchObject({ effect: 'took-place' });
      });
      await ended;
      const after = await run(service);
      expect(byId(after, 'lock-idle-in-tx')).toMatchObject({ status: 'ruled-out' });
    }),
  ));

test('the same idle transaction without waiters, and a quick API: healthy, nothing to do', () =>
  withTestDatabase((database) =>
    withApi(0.04, async (url) => {
      await createAccounts(database);
      const holder = await holdRow(database);
      const triage = await run(serviceOn(database, { targets: { metrics: { url } }, approvals }));
      expect(triage.diagnosis).toMatchObject({ verdict: 'healthy', severity: 'none' });
      expect(triage.diagnosis.causes.flatMap(({ mitigations }) => mitigations)).toEqual([]);
      await holder.end();
    }),
  ));

test('a query that burns the CPU: found, cancelled as proposed', () =>
  withTestDatabase((database) =>
    withApi(1.5, async (url) => {
      const hog = await database.openSession('analytics');
      const outcome = hog
        .query(
          `select count(*) from generate_series(1, 2000) a, generate_series(1, 2000) b, generate_series(1, 2000) c
           where md5(random()::text) = 'Schmidt'`,
        )
        .catch((error: { code: string }) => error.code);
      const thresholds = { longQueryMs: 1_000 };
      const service = serviceOn(database, { targets: { metrics: { url } }, thresholds, approvals });
      await vi.waitFor(async () => {
        const { rowCount } = await database.query(
          "select 1 from pg_stat_activity where pid = $1 and clock_timestamp() - query_start > interval '1 second'",
          [hog.pid],
        );
        expect(rowCount).toBe(1);
      }, 5_000);
      const triage = await run(service);
      const [cause] = triage.diagnosis.causes;
      expect(cause).toMatchObject({
        id: 'long-running-query',
        summary: expect.stringContaining(`pid ${hog.pid} (analytics) has been running one statement for`),
        mitigations: [{ kind: 'cancel-query' }],
      });
      expect(JSON.stringify(triage)).not.toContain('Schmidt');
      await withTargets(service, async (targets) => {
        const target = BackendTarget.parse(cause?.mitigations[0]?.target);
        const context = mitigationContext(service, targets);
        expect(await cancelQuery.execute(target, context)).toMatchObject({ effect: 'done' });
        expect(await cancelQuery.verify(target, context)).toMatchObject({ effect: 'took-place' });
      });
      expect(await outcome).toBe('57014');
    }),
  ));

test('no slot is left, not even for the bot: found by being refused', () =>
  withTinyPostgres({ max_connections: 8, superuser_reserved_connections: 2 }, async (url) => {
    const service = testService({ targets: { postgres: { url } } });
    const clients = await takeAllSlots(url);
    const triage = await run(service);
    const codes = triage.outcomes
      .filter(({ status }) => status === 'failed')
      .map((o) => 'code' in o && o.code);
    expect(codes.length).toBeGreaterThan(0);
    expect(new Set(codes)).toEqual(new Set(['target-full']));
    expect(triage.diagnosis.severity).toBe('P1');
    expect(triage.diagnosis.causes[0]).toMatchObject({ id: 'connection-exhaustion', status: 'found' });
    expect(byId(triage, 'lock-idle-in-tx')).toMatchObject({ status: 'could-not-look' });

    await clients.pop()?.end();
    await vi.waitFor(async () => {
      const summary = byId(await run(service), 'connection-exhaustion')?.summary;
      expect(summary).toMatch(/6 of 6 usable connection slots are taken/);
    }, 8_000);
  }));

test('a role that may not see others proves nothing', () =>
  withTestDatabase(async (database) => {
    await createAccounts(database);
    await holdRow(database);
    await waitForRow(database, 1);
    const triage = await run(serviceOn(database, { targets: { postgres: { url: database.appUrl } } }));
    expect(triage.diagnosis.verdict).toBe('no-cause-proven');
    const statuses = triage.diagnosis.causes.slice(1).map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set(['could-not-look']));
    const locks = triage.diagnosis.causes.find(({ id }) => id === 'lock-idle-in-tx');
    expect(locks?.summary).toContain('grant pg_monitor');
  }));

test('a run that is given up ends, with every probe accounted for', () =>
  withTestDatabase(async (database) => {
    const service = serviceOn(database, { window: 30_000 });
    await withTargets(service, async (targets) => {
      const signal = AbortSignal.timeout(300);
      const triage = await triageOnce({ service, targets, signal });
      expect(triage.durationMs).toBeLessThan(5_000);
      expect(triage.outcomes).toHaveLength(Object.keys(PROBES).length);
    });
  }));

const Json = z.strictObject({
  schema: z.literal(1),
  service: z.string(),
  startedAt: z.iso.datetime(),
  durationMs: z.int(),
  severity: z.enum(['P1', 'P2', 'none']),
  scope: z.strictObject({
    p50Ms: z.number().nullable(),
    p95Ms: z.number().nullable(),
    p99Ms: z.number().nullable(),
    errorRate: z.number().nullable(),
    rps: z.number().nullable(),
    queueMs: z.number().nullable(),
    byView: z.record(z.string(), z.unknown()),
  }),
  ledger: z.array(z.strictObject({ place: z.string(), inFlight: z.number() })),
  causes: z.array(
    z.strictObject({
      id: z.string(),
      status: z.enum(['found', 'ruled-out', 'could-not-look']),
      share: z.number().nullable(),
      confidence: z.number().nullable(),
      summary: z.string(),
      evidence: z.array(z.strictObject({ text: z.string(), data: z.record(z.string(), z.unknown()) })),
      consequenceOf: z.string().optional(),
      mitigations: z.array(
        z.strictObject({
          kind: z.string(),
          target: z.record(z.string(), z.unknown()),
          risk: z.string(),
          dryRun: z.record(z.string(), z.unknown()),
        }),
      ),
    }),
  ),
  probes: z.array(
    z.strictObject({
      id: z.string(),
      step: z.int(),
      status: z.enum(['answered', 'skipped', 'failed']),
      durationMs: z.int(),
      reason: z.string().optional(),
    }),
  ),
});

test('the JSON has its fixed shape', () =>
  withTestDatabase(async (database) => {
    await createAccounts(database);
    await holdRow(database);
    await waitForRow(database, 1);
    const service = serviceOn(database);
    const json = Json.parse(JSON.parse(JSON.stringify(diagnoseJson(service, await run(service)))));
    expect(json.causes[0]?.id).toBe('lock-idle-in-tx');
    expect(json.probes).toContainEqual({
      id: 'api-latency',
      step: 1,
      status: 'skipped',
      durationMs: expect.any(Number),
      reason: 'not configured for this service: metrics of the API',
    });
    for (const cause of json.causes.filter(({ status }) => status === 'ruled-out')) {
      expect(cause.evidence.length).toBeGreaterThan(0);
    }
  }));
