import { describe, expect, test } from 'vitest';
import { diagnose } from '../../../src/diagnosis/diagnose.ts';
import { gunicornReport } from '../../fixtures/reports/gunicorn-workers.ts';
import { healthyRedisReport, redisCommand, stalled } from '../../fixtures/reports/redis.ts';
import { activeReport, outcomesOf, session, slow } from '../../helpers/reports.ts';
import { testService } from '../../helpers/test-service.ts';
import { lockPileUp, verdictOn, well } from './verdicts.ts';

const keys = redisCommand({ command: 'keys', calls: 2, averageMicros: 840_000, busyRatio: 0.56 });
const stall = healthyRedisReport({
  ping: stalled(),
  change: { opsPerSecond: 62, commands: [keys, redisCommand()] },
});
const busy = { 'gunicorn-workers': gunicornReport(4) };

describe('redis-slow-command', () => {
  test('is found with the command, its time and the share of the requests, and comes first', () => {
    const long = session({ pid: 7, role: 'analyst', queryAgeMs: 60_000, averageActive: 1 });
    const innocent = activeReport([['CPU', 'on-cpu', 1, 'analyst']], [long]);
    expect(
      verdictOn('redis-slow-command', { ...busy, redis: stall, 'active-queries': innocent }),
    ).toMatchObject({
      status: 'found',
      first: 'redis-slow-command',
      confidence: 0.9,
      share: expect.closeTo(0.6, 1),
      summary: expect.stringMatching(/^Redis stalls: KEYS takes 840 ms and had 56 % of Redis's time/),
      advice: expect.arrayContaining([expect.stringContaining('SCAN')]),
    });
  });

  test('is found in the slow log where commandstats names none', () => {
    const recent = [{ command: 'eval', count: 1, maxMs: 900, totalMs: 900, maxArguments: 3, ageMs: 1_500 }];
    const logged = (ageMs: number) => {
      const slowlog = { newInWindow: 1, recent: recent.map((one) => ({ ...one, ageMs })), recentLeftOut: 0 };
      return verdictOn('redis-slow-command', {
        ...busy,
        redis: healthyRedisReport({ ping: stalled() }, { slowlog }),
      });
    };
    expect(logged(1_500)).toMatchObject({
      status: 'found',
      summary: expect.stringContaining('EVAL takes 900 ms'),
    });
    expect(logged(60_000).status).toBe('ruled-out');
  });

  test('is ruled out while PING is quick, though a command is slow, and while the API does not suffer', () => {
    const quick = healthyRedisReport({ change: { commands: [keys] } });
    expect(verdictOn('redis-slow-command', { redis: quick })).toMatchObject({
      status: 'ruled-out',
      summary: expect.stringContaining('Redis answers'),
    });
    expect(verdictOn('redis-slow-command', { ...well, redis: stall })).toMatchObject({
      status: 'ruled-out',
      summary: expect.stringContaining('the API does not suffer'),
    });
  });

  test('cannot be said when Redis stalls and INFO is denied, or when Redis was not looked at', () => {
    const notSeen = [{ what: 'INFO at the end of the window', reason: 'Redis denies INFO', remedy: null }];
    const blind = healthyRedisReport({ ping: stalled() }, { change: null, slowlog: null, notSeen });
    expect(verdictOn('redis-slow-command', { redis: blind })).toMatchObject({
      status: 'could-not-look',
      summary: expect.stringContaining('Redis denies INFO'),
    });
    expect(verdictOn('redis-slow-command', {}).status).toBe('could-not-look');
  });

  test('does not come before a lock pile-up that one late PING accompanies', () => {
    const late = healthyRedisReport({ ping: stalled(0.02, 12), change: { commands: [keys] } });
    expect(verdictOn('redis-slow-command', { ...lockPileUp(6), redis: late })).toMatchObject({
      status: 'ruled-out',
      first: 'lock-idle-in-tx',
    });
  });
});

describe('redis-memory-eviction', () => {
  test.each([
    ['refuses writes', { change: { errors: { OOM: 14 } } }, /OOM, 14 times/],
    ['evicts what is read', { change: { evictedKeys: 900, missRatio: 0.8 } }, /evicts 900 keys .* 80 %/],
    ['is nearly full and may evict nothing', { memory: { usedRatio: 0.97 } }, /97 % of maxmemory/],
  ])('is found when Redis %s', (_what, parts, summary) => {
    expect(verdictOn('redis-memory-eviction', { redis: healthyRedisReport(parts) })).toMatchObject({
      status: 'found',
      summary: expect.stringMatching(summary),
    });
    expect(verdictOn('redis-memory-eviction', { ...well, redis: healthyRedisReport(parts) }).status).toBe(
      'ruled-out',
    );
  });

  test('is ruled out for a full cache that evicts a little and still hits', () => {
    const lru = {
      memory: { usedRatio: 1, policy: 'allkeys-lru' },
      change: { evictedKeys: 20, missRatio: 0.1 },
    };
    expect(verdictOn('redis-memory-eviction', { redis: healthyRedisReport(lru) })).toMatchObject({
      status: 'ruled-out',
      summary: expect.stringContaining('still hits'),
    });
  });

  test('cannot be said without INFO', () => {
    const blind = healthyRedisReport({}, { memory: null, change: null });
    expect(verdictOn('redis-memory-eviction', { redis: blind }).status).toBe('could-not-look');
  });
});

describe('redis-fork-aof-stall', () => {
  const forked = { ping: stalled(0.3, 900), persistence: { latestForkMs: 900 }, change: { forks: 1 } };

  test('is found for a slow fork and for a delayed fsync, and the slow command is ruled out', () => {
    const fork = { ...busy, redis: healthyRedisReport(forked) };
    expect(verdictOn('redis-fork-aof-stall', fork)).toMatchObject({
      status: 'found',
      first: 'redis-fork-aof-stall',
      summary: expect.stringMatching(/forked 1 time, the last for 900 ms/),
    });
    expect(verdictOn('redis-slow-command', fork).status).toBe('ruled-out');
    const aof = healthyRedisReport({ ping: stalled(0.3), change: { aofDelayedFsyncs: 4 } });
    expect(verdictOn('redis-fork-aof-stall', { ...busy, redis: aof }).summary).toMatch(
      /waited 4 times for the disk/,
    );
  });

  test('shares the stalls with a slow command of the same window', () => {
    const both = { ...forked, change: { ...forked.change, commands: [{ ...keys, busyRatio: 0.3 }] } };
    const reports = { ...busy, redis: healthyRedisReport(both) };
    const shares = ['redis-fork-aof-stall', 'redis-slow-command'].map(
      (id) => verdictOn(id, reports).share ?? 0,
    );
    expect(shares[0]).toBeCloseTo(shares[1] ?? 0, 5);
    expect((shares[0] ?? 0) + (shares[1] ?? 0)).toBeLessThanOrEqual(1);
  });

  test('is ruled out for a stall without fork, and unknown without INFO', () => {
    expect(verdictOn('redis-fork-aof-stall', { redis: stall }).status).toBe('ruled-out');
    const blind = healthyRedisReport({ ping: stalled() }, { change: null });
    expect(verdictOn('redis-fork-aof-stall', { redis: blind }).status).toBe('could-not-look');
  });
});

describe('redis-unreachable', () => {
  const refused = {
    probeId: 'redis' as const,
    code: 'target-unreachable',
    reason: 'nothing accepts connections',
  };

  test('is a hard stop while the API suffers, and not said of an API that is well', () => {
    expect(verdictOn('redis-unreachable', lockPileUp(6), refused)).toMatchObject({
      status: 'found',
      first: 'redis-unreachable',
      summary: 'Redis cannot be used: nothing accepts connections.',
    });
    expect(verdictOn('redis-unreachable', well, refused).status).toBe('could-not-look');
    expect(verdictOn('redis-unreachable', well, { ...refused, code: 'target-full' }).status).toBe('found');
  });

  test('is not concluded from a time-out among others: then it is the machine or the network', () => {
    const late = { ...refused, code: 'target-timeout', reason: 'no answer within 4.8 s' };
    expect(verdictOn('redis-unreachable', {}, late).status).toBe('found');
    const outcomes = outcomesOf({ 'api-latency': slow(6) }).map((outcome) =>
      outcome.probeId === 'redis'
        ? { ...late, step: 6, startedAt: '', durationMs: 4_800, status: 'failed' as const }
        : outcome,
    );
    const { causes } = diagnose({ service: testService(), outcomes });
    expect(causes.find(({ id }) => id === 'redis-unreachable')?.status).toBe('could-not-look');
  });

  test('is not concluded from a denied login', () => {
    const denied = { ...refused, code: 'target-permission' };
    expect(verdictOn('redis-unreachable', {}, denied).status).toBe('could-not-look');
  });

  test('is found for refusals that Redis counts itself, and ruled out when it answers', () => {
    const full = healthyRedisReport({ change: { rejectedConnections: 9, errors: { MISCONF: 3 } } });
    expect(verdictOn('redis-unreachable', { redis: full })).toMatchObject({
      status: 'found',
      summary: expect.stringContaining('9 connections were rejected'),
      evidence: { length: 2 },
    });
    expect(verdictOn('redis-unreachable', { redis: healthyRedisReport() })).toMatchObject({
      status: 'ruled-out',
    });
  });
});
