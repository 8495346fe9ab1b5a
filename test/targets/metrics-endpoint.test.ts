import { afterEach, expect, test, vi } from 'vitest';
import { openMetricsEndpoint } from '../../src/targets/metrics-endpoint.ts';
import type { MetricsSource } from '../../src/targets/metrics-source.ts';
import { fakeMetrics, listenOn } from '../helpers/fake-api.ts';

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function source(
  answer: () => string | null,
  status = 200,
): Promise<MetricsSource & { scrapes(): number }> {
  let scrapes = 0;
  const server = await listenOn((_request, response) => {
    scrapes += 1;
    const text = answer();
    if (text !== null) response.writeHead(status, { location: 'http://127.0.0.1:1/' }).end(text);
  });
  const opened = openMetricsEndpoint({ url: `${server.url}/metrics`, timeout: 300 });
  closing.push(() => opened.close(), server.close);
  return { ...opened, scrapes: () => scrapes };
}

const signal = () => AbortSignal.timeout(5_000);

test('only what happened between the two scrapes counts', async () => {
  const api = fakeMetrics();
  api.serve('account-list', 30, 1_000); // an incident of last week
  let scrape = 0;
  const metrics = await source(() => {
    scrape += 1;
    if (scrape === 2) {
      api.serve('account-list', 0.04, 150);
      api.serve('payment-list', 2, 50);
      api.serve('payment-list', 0.04, 2, 500);
    }
    return api.text();
  });
  const window = await metrics.latency(200, signal());
  expect(window.source).toBe('metrics: two scrapes');
  expect(window.overall).toMatchObject({ completed: 202, errorRate: 2 / 202, p95BetweenMs: [1_000, 2_500] });
  expect(window.overall.p50Ms).toBeGreaterThan(25);
  expect(window.overall.p50Ms).toBeLessThanOrEqual(50);
  expect(window.overall.p95Ms).toBeGreaterThan(1_000);
  expect(window.byView['account-list']).toMatchObject({ completed: 150, errorRate: 0 });
  expect(window.byView['payment-list']).toMatchObject({ completed: 52, errorRate: 2 / 52 });
  // 106 s of latency completed in the window: Little's law.
  expect(window.inFlight).toBeCloseTo((150 * 0.04 + 100 + 0.08) / (window.windowMs / 1_000), 5);
});

test('a view that is called seldom and slowly has its p95 all the same', async () => {
  const api = fakeMetrics();
  api.serve('account-list', 0.04);
  let scrape = 0;
  const metrics = await source(() => {
    scrape += 1;
    if (scrape === 2) {
      api.serve('account-list', 0.04, 100);
      api.serve('analytics-summary', 0.4, 8);
      api.serve('activity-list', 0.4, 4);
    }
    return api.text();
  });
  const { byView } = await metrics.latency(200, signal());
  expect(byView['analytics-summary']?.p95Ms).toBeGreaterThan(250);
  expect(byView['activity-list']).toMatchObject({ completed: 4, p95Ms: null });
});

test('few requests are counted, but give no p95', async () => {
  const api = fakeMetrics();
  api.serve('account-list', 0.04);
  let scrape = 0;
  const metrics = await source(() => {
    scrape += 1;
    if (scrape === 2) api.serve('account-list', 0.04, 5);
    return api.text();
  });
  const window = await metrics.latency(50, signal());
  expect(window.overall).toMatchObject({
    completed: 5,
    p50Ms: null,
    p95Ms: null,
    meanMs: expect.closeTo(40),
  });
  expect(window.caveats).toEqual([expect.stringContaining('only 5 requests')]);
});

test('counters of one worker at a time are refused', async () => {
  const workers = [fakeMetrics({ processStart: 1_000 }), fakeMetrics({ processStart: 1_001 })];
  for (const worker of workers) worker.serve('account-list', 0.04, 10);
  let scrape = 0;
  const metrics = await source(() => workers[(scrape++ >> 1) % 2]?.text() ?? '');
  await expect(metrics.latency(50, signal())).rejects.toMatchObject({
    code: 'target-protocol',
    userMessage: expect.stringContaining('PROMETHEUS_MULTIPROC_DIR'),
  });
});

test('a restart between the scrapes is no negative number of requests', async () => {
  let api = fakeMetrics();
  api.serve('account-list', 0.04, 500);
  let scrape = 0;
  const metrics = await source(() => {
    scrape += 1;
    if (scrape === 2) {
      api = fakeMetrics();
      api.serve('account-list', 0.04, 60);
    }
    return api.text();
  });
  expect((await metrics.latency(50, signal())).overall.completed).toBe(60);
});

test('a page without the metrics, a redirect and a refusal are told apart', async () => {
  const other = await source(() => 'up 1\n');
  await expect(other.latency(10, signal())).rejects.toMatchObject({
    code: 'target-protocol',
    userMessage: expect.stringContaining('django_prometheus'),
  });
  const redirect = await source(() => '', 302);
  await expect(redirect.latency(10, signal())).rejects.toMatchObject({
    userMessage: expect.stringContaining('302'),
  });
  const refused = await source(() => '', 403);
  await expect(refused.latency(10, signal())).rejects.toMatchObject({ code: 'target-permission' });
});

test('a page that hangs says that the workers are busy', async () => {
  const metrics = await source(() => null);
  await expect(metrics.latency(10, signal())).rejects.toMatchObject({
    code: 'target-timeout',
    userMessage: expect.stringContaining('every Gunicorn worker is busy'),
  });
});

test('a bot that stays keeps a history, and uses it when the window has too few requests', async () => {
  const api = fakeMetrics();
  const metrics = await source(() => api.text());
  api.serve('account-list', 0.04);
  metrics.startHistory();
  await vi.waitFor(() => expect(metrics.scrapes()).toBe(1));
  api.serve('account-list', 0.04, 60);
  const window = await metrics.latency(50, signal());
  expect(window.source).toBe('metrics: kept scrapes');
  expect(window.overall.completed).toBe(60);
  expect(window.inFlight).toBe(0); // nothing completed in the window itself
});

test('workers that take turns make the counters fall again and again: refused, with the remedy', async () => {
  const workers = [fakeMetrics(), fakeMetrics()]; // no process_start_time_seconds to tell them apart
  workers[0]?.serve('account-list', 0.04, 100);
  workers[1]?.serve('account-list', 0.04, 10);
  let scrape = 0;
  const metrics = await source(() => workers[scrape++ % 2]?.text() ?? '');
  await expect(metrics.latency(20, signal())).rejects.toMatchObject({
    userMessage: expect.stringContaining('PROMETHEUS_MULTIPROC_DIR'),
  });
  expect(await metrics.examine(signal())).toMatchObject([
    { id: 'metrics:reachable', met: false, remedy: expect.stringContaining('PROMETHEUS_MULTIPROC_DIR') },
    { id: 'metrics:by-view', met: null },
  ]);
});

test('counters that fell once are a caveat', async () => {
  let api = fakeMetrics();
  api.serve('account-list', 0.04, 500);
  let scrape = 0;
  const metrics = await source(() => {
    scrape += 1;
    if (scrape === 2) {
      api = fakeMetrics();
      api.serve('account-list', 0.04, 60);
    }
    return api.text();
  });
  const { caveats } = await metrics.latency(20, signal());
  expect(caveats).toEqual([expect.stringContaining('went down')]);
});

test('is examined: reachable, and by view', async () => {
  const api = fakeMetrics();
  const idle = await source(() => `${fakeMetrics().text()}`);
  expect(await idle.examine(signal())).toMatchObject([{ met: true }, { met: null }]);
  api.serve('account-list', 0.04);
  api.serve('payment-list', 0.04);
  const metrics = await source(() => api.text());
  expect(await metrics.examine(signal())).toEqual([
    { id: 'metrics:reachable', met: true, words: expect.any(String), remedy: null },
    { id: 'metrics:by-view', met: true, words: '2 views', remedy: null },
  ]);
  const blind = await source(() => api.text().replaceAll('seconds_by_view_method', 'x'));
  expect(await blind.examine(signal())).toMatchObject([
    { met: true },
    { met: false, remedy: expect.stringContaining('PrometheusAfterMiddleware') },
  ]);
  const down = await source(() => null);
  expect(await down.examine(signal())).toMatchObject([{ met: false }, { met: null }]);
});
