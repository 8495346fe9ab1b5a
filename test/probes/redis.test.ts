import { expect, test } from 'vitest';
import { redisBlocks } from '../../src/blocks/reports/redis.ts';
import { BotError } from '../../src/errors.ts';
import { watchOwnStalls } from '../../src/probes/own-stalls.ts';
import { pingSeries } from '../../src/probes/ping-series.ts';
import { changeBetween } from '../../src/probes/redis-change.ts';
import { groupClients, parseClients } from '../../src/probes/redis-clients.ts';
import { memoryOf, parseInfo, persistenceOf, serverOf } from '../../src/probes/redis-info.ts';
import { newestId, summarizeSlowlog } from '../../src/probes/redis-slowlog.ts';

// What the probe sees of a real Redis is proven in test/servers/redis.test.ts; here: other versions, and hostile text.

const info = (lines: string[], atMs = 0) => parseInfo(['# Server', ...lines].join('\r\n'), atMs);
const never = new AbortController().signal;

test('a Redis 6.2 has fewer fields: what it does not count is null, not 0', () => {
  const begin = info(['redis_version:6.2.14', 'run_id:a', 'total_commands_processed:100', 'maxmemory:0']);
  const end = info(
    ['redis_version:6.2.14', 'run_id:a', 'total_commands_processed:400', 'cmdstat_get:calls=300,usec=900'],
    3_000,
  );
  expect(changeBetween(begin, end)).toMatchObject({
    ...{ windowMs: 3_000, opsPerSecond: 100, evictedKeys: null, aofDelayedFsyncs: null, missRatio: null },
    ...{ mainThreadCpu: null, errorReplies: null, errors: {}, commandsLeftOut: 0 },
    commands: [
      {
        ...{ command: 'get', calls: 300, callsPerSecond: 100, averageMicros: 3, busyRatio: 0.0003 },
        ...{ failedCalls: null, rejectedCalls: null },
      },
    ],
  });
  expect(memoryOf(begin)).toMatchObject({ maxBytes: null, usedRatio: null, evictionExceededMs: null });
  expect(persistenceOf(begin)).toMatchObject({ latestForkMs: null, aofEnabled: false });
  expect(serverOf(begin)).toMatchObject({ version: '6.2.14', loading: false, masterLinkStatus: null });
});

test('a restart, or a reset of the statistics, makes no nonsense of the window', () => {
  const before = info(['run_id:a', 'total_commands_processed:100']);
  expect(changeBetween(before, info(['run_id:b', 'total_commands_processed:400'], 1_000))).toBeNull();
  expect(changeBetween(before, info(['run_id:a', 'total_commands_processed:4'], 1_000))).toBeNull();
});

test('the list of commands is capped, the slowest first, and the rest is counted', () => {
  const stats = Array.from({ length: 40 }, (_, i) => `cmdstat_cmd${i}:calls=10,usec=${i * 1_000}`);
  const change = changeBetween(
    info(['run_id:a', 'total_commands_processed:0']),
    info(['run_id:a', 'total_commands_processed:400', ...stats], 1_000),
  );
  expect(change?.commands).toHaveLength(15);
  expect(change?.commands[0]?.command).toBe('cmd39');
  expect(change?.commandsLeftOut).toBe(25);
  expect(change?.busyRatio).toBeCloseTo(0.78);
});

test('names of errors that a script made up are not passed on', () => {
  const begin = info(['run_id:a', 'total_commands_processed:0']);
  const end = info(
    ['run_id:a', 'total_commands_processed:9', 'errorstat_OOM:count=7', 'errorstat_jane@example.com:count=1'],
    1_000,
  );
  expect(changeBetween(begin, end)?.errors).toEqual({ OOM: 7 });
});

const slow = (id: number, at: number, micros: number, ...args: string[]) => [
  id,
  at,
  micros,
  args,
  '10.0.0.1:5',
  'web',
];

test('of slow commands only the name and the number of arguments leave', () => {
  const many = ['MGET', ...Array.from({ length: 30 }, (_, i) => `debtor:${i}`), '... (970 more arguments)'];
  const entries = [
    slow(12, 1_000, 30_000, 'SET', 'debtor:jane', 'Jane Roe'),
    slow(11, 990, 50_000, ...many),
    slow(10, 985, 10_000, 'set', 'debtor:john', 'John Doe'),
    slow(9, 10, 99_000, 'KEYS', '*'),
    slow(8, 980, 20_000, 'jane.roe@example.com', 'x'),
  ];
  const summary = summarizeSlowlog(entries, 10, 1_001);
  expect(summary).toEqual({
    newInWindow: 2,
    recent: [
      { command: 'mget', count: 1, maxMs: 50, totalMs: 50, maxArguments: 1_000, ageMs: 11_000 },
      { command: 'set', count: 2, maxMs: 30, totalMs: 40, maxArguments: 2, ageMs: 1_000 },
      { command: 'other', count: 1, maxMs: 20, totalMs: 20, maxArguments: 1, ageMs: 21_000 },
    ],
    recentLeftOut: 0,
  });
  expect(JSON.stringify(summary)).not.toMatch(/jane|debtor|10\.0/i);
  expect([newestId(entries), newestId([])]).toEqual([12, -1]);
  expect(summarizeSlowlog([], 10, 1_001).newInWindow).toBeNull();
});

test('clients are told by name, user and command, without whom and from where', () => {
  const line = (name: string, cmd: string, rest = '') =>
    `id=7 addr=10.1.2.3:50112 laddr=10.0.0.1:6379 fd=8 name=${name} age=1 idle=0 flags=N db=0 omem=0 cmd=${cmd} user=app ${rest}`;
  const answer = [
    ...[line('web-7', 'get'), line('web-8', 'get'), line('jane@example.com', 'get', 'omem=2048')],
    ...[
      line('0f8fad5bd9cb469fa165', 'brpop').replace('flags=N', 'flags=b'),
      line('latency-bot', 'client|list'),
    ],
  ].join('\n');
  const { groups, maxOutputBytes } = groupClients(parseClients(answer));
  expect(groups).toEqual([
    { name: 'web-#', user: 'app', command: 'get', count: 2, blocked: 0, maxOutputBytes: 0 },
    { name: '*', user: 'app', command: 'get', count: 1, blocked: 0, maxOutputBytes: 2_048 },
    { name: '#', user: 'app', command: 'brpop', count: 1, blocked: 1, maxOutputBytes: 0 },
  ]);
  expect(maxOutputBytes).toBe(2_048);
});

test('pings go on at their pace behind one that hangs, and what is unanswered counts with its wait', async () => {
  let n = 0;
  const ping = () => {
    n += 1;
    return n % 2 === 0 ? new Promise(() => undefined) : Promise.resolve('PONG');
  };
  const series = await pingSeries(ping, 400, never);
  expect(series).toMatchObject({ sent: 8, answered: 4, unanswered: 4, failed: 0, slowRatio: 0.5 });
  expect(series.maxMs).toBeGreaterThan(600);
  expect(series.p50Ms).toBeLessThan(50);
});

test('without any answer the reason is thrown, and a lost connection is no latency', async () => {
  const lost = new BotError('target-unreachable', 'Redis closed the connection in the middle');
  await expect(pingSeries(() => Promise.reject(lost), 100, never)).rejects.toBe(lost);
  let n = 0;
  const flaky = () => {
    n += 1;
    return n === 2 ? Promise.reject(lost) : Promise.resolve('PONG');
  };
  expect(await pingSeries(flaky, 200, never)).toMatchObject({ sent: 4, answered: 3, failed: 1 });
});

test('a busy bot does not report a slow Redis', async () => {
  let n = 0;
  const ping = async () => {
    n += 1;
    if (n !== 3) return;
    await Promise.resolve();
    const until = performance.now() + 150;
    while (performance.now() < until); // the answer is there, and this process too busy to read it
  };
  const series = await pingSeries(ping, 300, never);
  expect(series.ownDelayMs).toBeGreaterThan(100);
  expect(series.maxMs).toBeLessThan(50);
  const stalls = watchOwnStalls();
  expect(stalls.during(0, performance.now())).toBeLessThan(50);
  stalls.stop();
});

test('the report in Slack says what was seen, and never 0 for what was not', () => {
  const ping = {
    ...{
      sent: 60,
      answered: 58,
      unanswered: 2,
      failed: 0,
      meanMs: 9,
      p50Ms: 0.2,
      p95Ms: 80,
      p99Ms: 210,
      maxMs: 240,
    },
    ...{ slowRatio: 0.1, ownDelayMs: 0 },
  };
  const unseen = {
    server: null,
    memory: null,
    persistence: null,
    clients: null,
    change: null,
    clientGroups: null,
  };
  const notSeen = [{ what: 'clients', reason: 'denied', remedy: 'ACL SETUSER latency_probe +client|list' }];
  const text = JSON.stringify(redisBlocks({ ping, ...unseen, slowlog: null, latencyEvents: null, notSeen }));
  expect(text).toContain('0.2 ms (p99 210 ms, at most 240 ms)');
  expect(text).toContain('2 of 60 pings got no answer in time');
  expect(text).toContain('Its load was not seen');
  expect(text).toContain('ACL SETUSER latency_probe +client|list');
});
