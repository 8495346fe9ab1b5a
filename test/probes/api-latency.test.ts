import { expect, test } from 'vitest';
import type { NamedService } from '../../src/config/schema.ts';
import { apiLatency } from '../../src/probes/api-latency.ts';
import type { Baseline } from '../../src/probes/baseline.ts';
import { runProbe } from '../../src/probes/run-probe.ts';
import type { Targets } from '../../src/targets/targets.ts';
import { fakeMetrics, listenOn } from '../helpers/fake-api.ts';
import { withTargets } from '../helpers/run.ts';
import { testService } from '../helpers/test-service.ts';

async function reportWith(targets: Targets, service: NamedService, baseline: Baseline | undefined) {
  const signal = AbortSignal.timeout(10_000);
  const outcome = await runProbe(apiLatency, { targets, service, windowMs: 100, signal, baseline }, 10_000);
  if (outcome.status !== 'answered') throw new Error(outcome.reason);
  return outcome.report;
}

async function look(between: (api: ReturnType<typeof fakeMetrics>) => void, baseline?: Baseline) {
  const api = fakeMetrics();
  api.serve('account-list', 0.04);
  let scrape = 0;
  const server = await listenOn((_request, response) => {
    scrape += 1;
    if (scrape === 2) between(api);
    response.end(api.text());
  });
  const service = testService({ targets: { metrics: { url: `${server.url}/metrics` } } });
  try {
    return await withTargets(service, (targets) => reportWith(targets, service, baseline));
  } finally {
    await server.close();
  }
}

test('names the views above the objective, slowest first', async () => {
  const report = await look((api) => {
    api.serve('account-list', 0.04, 100);
    api.serve('payment-list', 0.4, 100);
    api.serve('analytics', 4, 30);
  });
  expect(report.slowViews).toEqual(['analytics', 'payment-list']);
  expect(report.objectiveMs).toBe(200);
  expect(report.overall.completed).toBe(230);
});

test('a p95 in the bucket around the objective is doubtful, and says how to settle it', async () => {
  const report = await look((api) => api.serve('account-list', 0.15, 100));
  expect(report.slowViews).toEqual([]);
  expect(report.overall.p95Ms).toBeGreaterThan(200);
  expect(report.caveats).toEqual([expect.stringContaining('PROMETHEUS_LATENCY_BUCKETS')]);
});

test('beside a /metrics page the baseline knows yesterday, and its absence has a reason', async () => {
  const norm = { p95Ms: 90, rps: 40, errorRate: 0, samples: 12 };
  const baseline: Baseline = {
    ...{ samples: 30, since: '2026-03-01T12:00:00.000Z', statements: [] },
    ...{ api: { ...norm, rps: 50 }, yesterday: norm, lastWeek: null },
  };
  const serve = (api: ReturnType<typeof fakeMetrics>) => api.serve('account-list', 0.04, 100);
  const report = await look(serve, baseline);
  expect(report.yesterday).toEqual({ p95Ms: 90, rps: 40, errorRate: 0, source: 'baseline, 12 samples' });
  expect(report).toMatchObject({ lastWeek: null, normal: { rps: 50 }, noYesterday: null });
  const young = await look(serve, { ...baseline, yesterday: null });
  expect(young.noYesterday).toContain('2026-03-01 12:00');
  const none = await look(serve);
  expect(none).toMatchObject({ yesterday: null, normal: null });
  expect(none.noYesterday).toContain('no baseline');
});
