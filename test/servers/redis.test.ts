import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { redis } from '../../src/probes/redis.ts';
import { reportOf, withTargets } from '../helpers/run.ts';
import { testService } from '../helpers/test-service.ts';
import { type RedisServer, startRedis } from './redis-server.ts';

const BUSY_LOOP = 'local t = 0 for i = 1, tonumber(ARGV[1]) do t = t + i end return t';

let server: RedisServer;
let app: Redis;
let url: string;
beforeAll(async () => {
  server = await startRedis({ 'slowlog-log-slower-than': 10_000, 'latency-monitor-threshold': 50 });
});
afterAll(() => server.stop());
beforeEach(() => {
  url = server.freshUrl();
  app = new Redis(url, { connectionName: 'gunicorn-web7:4711' });
});
afterEach(() => app.quit());

const look = (windowMs = 1_000, at = url) => {
  const service = testService({ targets: { redis: { url: at } } });
  return withTargets(service, (targets) => reportOf(redis, service, targets, windowMs));
};

/** Starts to look, and resolves once the window has begun: its first INFO and some pings are answered. */
async function begun(client: Redis, windowMs: number, at = url): Promise<[ReturnType<typeof look>]> {
  const pings = async () =>
    Number(/cmdstat_ping:calls=(\d+)/.exec(await client.info('commandstats'))?.[1] ?? 0);
  const before = await pings();
  const seen = look(windowMs, at);
  seen.catch(() => undefined); // awaited by the test
  await vi.waitFor(async () => expect(await pings()).toBeGreaterThan(before + 3), { interval: 20 });
  return [seen]; // in an array: a promise would be awaited here
}

test('a healthy Redis answers at once, and what it is asked most is told', async () => {
  await app.set('account:81273', 'Jane Roe');
  let stop = false;
  const traffic = (async () => {
    while (!stop) await app.get('account:81273');
  })();
  const begin = performance.now();
  const report = await look().finally(() => {
    stop = true;
  });
  expect(performance.now() - begin).toBeLessThan(1_600);
  await traffic;
  expect(report.ping).toMatchObject({ unanswered: 0, failed: 0, sent: report.ping.answered });
  expect(report.ping.sent).toBeGreaterThanOrEqual(18);
  expect(report.ping.p50Ms).toBeLessThan(10);
  expect(report.server).toMatchObject({
    version: expect.stringMatching(/^7\./),
    role: 'master',
    loading: false,
  });
  const get = report.change?.commands.find(({ command }) => command === 'get');
  expect(get?.callsPerSecond).toBeGreaterThan(50);
  expect(get?.averageMicros).toBeLessThan(1_000);
  expect(report.change).toMatchObject({ evictedKeys: 0, rejectedConnections: 0, missRatio: 0, errors: {} });
  expect(report.change?.opsPerSecond).toBeGreaterThan(50);
  expect(report.change?.mainThreadCpu).toBeGreaterThan(0);
  expect(report.clientGroups?.groups).toContainEqual(
    expect.objectContaining({ name: 'gunicorn-web#:#', user: 'default', command: 'get', count: 1 }),
  );
  expect(report.notSeen).toEqual([]);
  expect(JSON.stringify(report)).not.toMatch(/81273|Jane|127\.0\.0\.1|4711/);
});

test('a slow script: pings wait behind it, and the statistics name it', async () => {
  const [seen] = await begun(app, 1_500);
  for (let i = 0; i < 3; i += 1) await app.eval(BUSY_LOOP, 0, 25_000_000);
  const report = await seen;
  expect(report.ping.p99Ms).toBeGreaterThan(40);
  expect(report.ping.slowRatio).toBeGreaterThan(0.05);
  expect(report.change?.commands[0]).toMatchObject({ command: 'eval', calls: 3 });
  expect(report.change?.commands[0]?.averageMicros).toBeGreaterThan(40_000);
  expect(report.change?.busyRatio).toBeGreaterThan(0.1);
  expect(report.slowlog?.newInWindow).toBe(3);
  expect(report.slowlog?.recent).toContainEqual(
    expect.objectContaining({ command: 'eval', count: expect.any(Number), maxArguments: 3 }),
  );
  expect(report.latencyEvents).toContainEqual(expect.objectContaining({ event: 'command' }));
  expect(JSON.stringify(report)).not.toContain('tonumber');
});

test('KEYS over many keys is named; its pattern is not', async () => {
  await app.eval("for i = 1, 200000 do redis.call('set', 'debtor:' .. i, 'x') end", 0);
  const [seen] = await begun(app, 1_000);
  for (let i = 0; i < 4; i += 1) await app.keys('debtor:jane.roe@example.com:*');
  const report = await seen;
  expect(report.change?.commands.slice(0, 2)).toContainEqual(
    expect.objectContaining({ command: 'keys', calls: 4 }),
  );
  expect(JSON.stringify(report)).not.toMatch(/debtor|jane/);
});

test('a process that stands still in the middle of the window: pings stay unanswered', async () => {
  const [seen] = await begun(app, 800);
  server.signal('SIGSTOP');
  const report = await seen.finally(() => server.signal('SIGCONT'));
  expect(report.ping.answered).toBeGreaterThan(0);
  expect(report.ping.unanswered).toBeGreaterThan(3);
  expect(report.ping.maxMs).toBeGreaterThan(500);
  expect(report.change).toBeNull();
  expect(report.notSeen).toContainEqual({
    what: 'INFO at the end of the window',
    reason: expect.stringContaining('does not answer'),
    remedy: null,
  });
});

test('evicted keys and the limit that evicts them', async () => {
  const small = await startRedis({ maxmemory: '3mb', 'maxmemory-policy': 'allkeys-lru' });
  const client = new Redis(small.freshUrl());
  try {
    const [seen] = await begun(client, 800, small.freshUrl());
    for (let i = 0; i < 400; i += 1) await client.set(`k${i}`, 'x'.repeat(10_000));
    const report = await seen;
    expect(report.change?.evictedKeys).toBeGreaterThan(50);
    expect(report.memory).toMatchObject({ maxBytes: 3 * 1024 * 1024, policy: 'allkeys-lru' });
    expect(report.memory?.usedRatio).toBeGreaterThan(0.8);
  } finally {
    client.disconnect();
    await small.stop();
  }
});

test('writes that are refused for want of memory are counted as OOM', async () => {
  const small = await startRedis({ maxmemory: '2mb', 'maxmemory-policy': 'noeviction' });
  const client = new Redis(small.freshUrl());
  try {
    const [seen] = await begun(client, 800, small.freshUrl());
    let refused = 0;
    for (let i = 0; i < 200; i += 1) {
      await client.set(`k${i}`, 'x'.repeat(20_000)).catch(() => {
        refused += 1;
      });
    }
    const report = await seen;
    expect(refused).toBeGreaterThan(10);
    expect(report.change?.errors.OOM).toBe(refused);
    expect(report.change?.errorReplies).toBe(refused);
  } finally {
    client.disconnect();
    await small.stop();
  }
});

test('a user that may only PING: the delay is measured, the rest is named with what would allow it', async () => {
  await app.acl('SETUSER', 'latency_probe', 'reset', 'on', '>secret', '-@all', '+ping', '+select');
  const limited = url.replace('redis://', 'redis://latency_probe:secret@');
  const report = await look(300, limited);
  expect(report.ping.answered).toBeGreaterThan(3);
  expect(report).toMatchObject({
    server: null,
    memory: null,
    change: null,
    clientGroups: null,
    slowlog: null,
  });
  expect(report.notSeen.map(({ remedy }) => remedy)).toEqual(
    expect.arrayContaining([
      'ACL SETUSER latency_probe +info',
      'ACL SETUSER latency_probe +slowlog|get',
      'ACL SETUSER latency_probe +latency|latest',
    ]),
  );
});
