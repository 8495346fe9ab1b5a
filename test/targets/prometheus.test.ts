import { afterEach, expect, test } from 'vitest';
import { openPrometheus } from '../../src/targets/prometheus.ts';
import { listenOn } from '../helpers/fake-api.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

type Answer = (query: string, path: string) => { metric?: Record<string, string>; value: string }[];

async function prometheus(answer: Answer, options: { selector?: string; bearerToken?: string } = {}) {
  const seen: { query: string; authorization: string | undefined }[] = [];
  const server = await listenOn((request, response) => {
    const url = new URL(request.url ?? '/', 'http://prometheus');
    const query = url.searchParams.get('query') ?? '';
    seen.push({ query, authorization: request.headers.authorization });
    const range = url.pathname.endsWith('query_range');
    const result = answer(query, url.pathname).map(({ metric = {}, value }) =>
      range ? { metric, values: [[1_700_000_000, value]] } : { metric, value: [1_700_000_000.123, value] },
    );
    const data = { resultType: range ? 'matrix' : 'vector', result };
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ status: 'success', data }));
  });
  closing.push(server.close);
  const source = openPrometheus({ url: `${server.url}/`, selector: '', timeout: 1_000, ...options });
  return { source, seen };
}

const signal = () => AbortSignal.timeout(5_000);

const answers: Answer = (query) => {
  const views = query.includes('view');
  const metric = views ? { view: 'account-list' } : {};
  if (query.startsWith('histogram_quantile(0.95')) return [{ metric, value: '1.5' }];
  if (query.startsWith('histogram_quantile(0.5')) return [{ metric, value: 'NaN' }];
  if (query.startsWith('histogram_quantile(0.99')) return [{ metric, value: '+Inf' }];
  if (query.includes('_count')) return [{ metric, value: '10' }];
  if (query.includes('_sum')) return [{ metric, value: '12' }];
  if (query.includes('status=~"5.."')) return views ? [] : [{ value: '1' }];
  return [{ metric, value: '10' }];
};

test('reads latency, errors and requests in flight; NaN and +Inf are no numbers', async () => {
  const { source, seen } = await prometheus(answers, {
    selector: 'job="debtflow-api"',
    bearerToken: 'secret',
  });
  const window = await source.latency(3_000, signal());
  expect(window).toMatchObject({
    source: 'prometheus 2m',
    overall: {
      p50Ms: null,
      p95Ms: 1_500,
      p99Ms: null,
      rps: 10,
      errorRate: 0.1,
      meanMs: 1_200,
      completed: 1_200,
    },
    byView: { 'account-list': { p95Ms: 1_500, errorRate: 0 } },
    inFlight: 12,
    series: [{ at: '2023-11-14T22:13:20.000Z', p95Ms: 1_500, rps: 10 }],
  });
  expect(seen.every(({ query }) => query.includes('{job="debtflow-api"'))).toBe(true);
  expect(new Set(seen.map(({ authorization }) => authorization))).toEqual(new Set(['Bearer secret']));
});

test('a longer range is asked where the API is scraped rarely', async () => {
  const { source } = await prometheus((query, path) => (query.includes('[2m]') ? [] : answers(query, path)));
  expect((await source.latency(3_000, signal())).source).toBe('prometheus 5m');
});

test('an API that is not scraped is not "no requests"', async () => {
  const { source } = await prometheus(() => []);
  await expect(source.latency(3_000, signal())).rejects.toMatchObject({
    code: 'target-protocol',
    userMessage: expect.stringContaining('selector'),
  });
});

test('something else at that address is told', async () => {
  const server = await listenOn((_request, response) => response.end('<html>'));
  closing.push(server.close);
  const source = openPrometheus({ url: server.url, selector: '', timeout: 1_000 });
  await expect(source.latency(3_000, signal())).rejects.toMatchObject({ code: 'target-protocol' });
});

test('compares with the same time yesterday and last week', async () => {
  const { source } = await prometheus((query, path) => {
    if (query.includes('offset 1w')) return [];
    if (!query.includes('offset 1d')) return answers(query, path);
    if (query.startsWith('histogram_quantile')) return [{ value: '0.12' }];
    return [{ value: query.includes('5..') ? '2' : '40' }];
  });
  const { earlier } = await source.latency(3_000, signal());
  expect(earlier).toEqual({
    yesterday: { p95Ms: 120, rps: 40, errorRate: 0.05, source: 'prometheus 5m offset 1d' },
    lastWeek: null,
  });
});

test('a server that cannot look back costs a caveat, not the rest', async () => {
  const server = await listenOn((request, response) => {
    const query = new URL(request.url ?? '/', 'http://prometheus').searchParams.get('query') ?? '';
    if (query.includes('offset')) return response.writeHead(503).end();
    const result = [{ metric: {}, value: [1, '5'], values: [[1, '5']] }];
    return response.end(JSON.stringify({ status: 'success', data: { result } }));
  });
  closing.push(server.close);
  const source = openPrometheus({ url: server.url, selector: '', timeout: 1_000 });
  const window = await source.latency(3_000, signal());
  expect(window.overall.rps).toBe(5);
  expect(window.earlier).toEqual({ yesterday: null, lastWeek: null });
  expect(window.caveats).toContainEqual(expect.stringContaining('yesterday'));
});

test('is examined: scraped, and by view', async () => {
  const { source } = await prometheus((query) =>
    query.includes('count by') ? [{ metric: { view: 'a' }, value: '1' }] : [{ value: '10' }],
  );
  expect(await source.examine(signal())).toMatchObject([
    { id: 'metrics:reachable', met: true, remedy: null },
    { id: 'metrics:by-view', met: true },
  ]);
  const empty = await prometheus(() => []);
  expect(await empty.source.examine(signal())).toMatchObject([
    { met: false, remedy: expect.stringContaining('selector') },
    { met: null },
  ]);
});
