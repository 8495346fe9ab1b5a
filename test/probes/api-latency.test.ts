import { expect, test } from 'vitest';
import { apiLatency } from '../../src/probes/api-latency.ts';
import { fakeMetrics, listenOn } from '../helpers/fake-api.ts';
import { reportOf, withTargets } from '../helpers/run.ts';
import { testService } from '../helpers/test-service.ts';

async function look(between: (api: ReturnType<typeof fakeMetrics>) => void) {
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
    return await withTargets(service, (targets) => reportOf(apiLatency, service, targets, 100));
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
