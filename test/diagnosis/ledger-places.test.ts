import { describe, expect, test } from 'vitest';
import { readFacts } from '../../src/diagnosis/facts.ts';
import { buildLedger, inFlightAt } from '../../src/diagnosis/ledger.ts';
import type { Reports } from '../../src/probes/index.ts';
import type { ProbeOutcome } from '../../src/probes/probe.ts';
import { gunicornReport, worker } from '../fixtures/reports/gunicorn-workers.ts';
import { healthyPgbouncerReport, pool } from '../fixtures/reports/pgbouncer.ts';
import { healthyRedisReport, redisCommand, stalled } from '../fixtures/reports/redis.ts';
import { activeReport, latencyReport, lockNode, lockReport, outcomesOf } from '../helpers/reports.ts';
import { testService } from '../helpers/test-service.ts';

const service = testService({
  targets: { postgres: { url: 'postgres://p@db/d', applicationRoles: ['debtflow'] } },
});
const idle = { 'active-queries': activeReport([]) };
const ledgerOf = (
  reports: Partial<Reports>,
  change: (outcome: ProbeOutcome) => ProbeOutcome = (one) => one,
) => buildLedger(readFacts(service, outcomesOf({ ...idle, ...reports }).map(change)));
const at = (reports: Partial<Reports>, ...places: Parameters<typeof inFlightAt>[1][]) =>
  inFlightAt(ledgerOf(reports), ...places);
const blindAt = (reports: Partial<Reports>, place: string) =>
  ledgerOf(reports).blind.find((one) => one.place === place)?.reason;

describe('workers', () => {
  test('the listen queue is beside what they hold; what they hold is at its place', () => {
    const ledger = ledgerOf({
      'gunicorn-workers': gunicornReport(4, 6),
      'active-queries': activeReport([['Lock', 'tuple', 3]]),
    });
    expect(ledger).toMatchObject({ totalInFlight: 10, fromStates: 4, statesOf: 'workers' });
    expect(inFlightAt(ledger, 'worker-queue')).toBe(6);
    expect(inFlightAt(ledger, 'lock-wait')).toBe(3);
    expect(inFlightAt(ledger, 'app-cpu')).toBeCloseTo(0.1);
    expect(inFlightAt(ledger, 'outside')).toBeCloseTo(0.9);
    expect(inFlightAt(ledger, 'unknown')).toBe(0);
  });

  test('requests that completed just now after a long wait do not count as in flight still', () => {
    const reports = { 'gunicorn-workers': gunicornReport(2), 'api-latency': latencyReport({}, 40) };
    expect(ledgerOf(reports)).toMatchObject({ totalInFlight: 2, fromCompletions: 40, fromStates: 2 });
  });

  test('an unreadable queue and workers of unknown business are blind places, not empty ones', () => {
    const blind = { 'gunicorn-workers': gunicornReport(0, 0, { backlog: null, busy: null }) };
    const reports = { ...blind, 'api-latency': latencyReport({}, 3) };
    expect(blindAt(reports, 'worker-queue')).toContain('could not be read');
    expect(blindAt(reports, 'outside')).toContain('cannot be told');
    expect(at(reports, 'unknown')).toBeCloseTo(2.9);
    expect(ledgerOf(reports)).toMatchObject({ statesOf: 'database', fromStates: 0 });
  });

  test('connections that may only be kept open prove no outside call', () => {
    const kept = gunicornReport(4);
    const busy = kept.busy && { ...kept.busy, certainty: 'at-most' as const };
    const workers = { 'gunicorn-workers': { ...kept, busy, cpuCores: 0 } };
    const silent = { ...workers, 'api-latency': latencyReport({}, 0.2) };
    expect(blindAt(silent, 'outside')).toContain('cannot be told');
    expect(at(silent, 'unknown')).toBe(4);
    // As many as the completed requests say are in flight are, and where else should they be.
    const proven = { ...workers, 'api-latency': latencyReport({}, 3) };
    expect(at(proven, 'outside')).toBe(3);
    expect(at(proven, 'unknown')).toBe(1);
  });
});

describe('CPU of the API', () => {
  const running = (idleRatio: number | null) => ({
    'gunicorn-workers': gunicornReport(4, 0, {
      cpuCores: 1.9,
      workers: [1, 2, 3, 4].map((pid) => worker({ pid, state: 'R' })),
      headroom: { cores: 2, idleRatio, availableBytes: 5e9, workerRssBytes: 9e7 },
    }),
  });

  test('counts who stands in line for it where none is left over', () => {
    expect(at(running(0.02), 'app-cpu')).toBe(4);
    expect(at(running(null), 'app-cpu')).toBe(4);
  });

  test('is what the workers had of it where some is left over', () => {
    expect(at(running(0.5), 'app-cpu')).toBe(1.9);
  });

  test('is never more than there are requests outside the database', () => {
    const locked = { ...running(0.02), 'active-queries': activeReport([['Lock', 'tuple', 3]]) };
    expect(at(locked, 'app-cpu')).toBe(1);
    expect(ledgerOf(locked).totalInFlight).toBe(4);
  });
});

describe('PgBouncer', () => {
  const waiting = (averageWaiting: number) => healthyPgbouncerReport({ pools: [pool({ averageWaiting })] });

  test('who waits for a connection is in no session of PostgreSQL, and is counted once', () => {
    const ledger = ledgerOf({
      'gunicorn-workers': gunicornReport(8, 0, { cpuCores: 0 }),
      'active-queries': activeReport([['CPU', 'on-cpu', 2]]),
      pgbouncer: waiting(5),
    });
    expect(ledger.totalInFlight).toBe(8);
    expect(inFlightAt(ledger, 'pool-wait')).toBe(5);
    expect(inFlightAt(ledger, 'db-cpu')).toBe(2);
    expect(inFlightAt(ledger, 'outside')).toBeCloseTo(1);
  });

  test('other users and Celery wait there, too, and are no requests', () => {
    const client = { database: 'debtflow', user: 'debtflow', state: 'waiting' };
    const pgbouncer = {
      ...waiting(4),
      pools: [pool({ averageWaiting: 4 }), pool({ user: 'analyst', averageWaiting: 9 })],
      clientGroups: [
        { ...client, application: 'gunicorn', count: 1 },
        { ...client, application: 'celery: reconcile', count: 3 },
        { ...client, user: 'analyst', application: 'celery', count: 9 },
      ],
    };
    expect(at({ pgbouncer }, 'pool-wait')).toBe(1);
  });
});

describe('Redis', () => {
  const four = { 'gunicorn-workers': gunicornReport(4, 0, { cpuCores: 0 }) };
  const redisAt = (redis: Reports['redis']) => at({ ...four, redis }, 'redis');

  test('while it is quick: commands a second times the time of one, without those of the bot', () => {
    expect(redisAt(healthyRedisReport({ change: { opsPerSecond: 1_020 } }))).toBeCloseTo(0.2);
  });

  test('while it stalls: whoever is seen nowhere else, for that share of the time', () => {
    expect(redisAt(healthyRedisReport({ ping: stalled(0.6) }))).toBeCloseTo(2.4, 1);
  });

  test('never more than commands were sent, unless some still wait for their answer', () => {
    const seldom = { opsPerSecond: 20.5 };
    expect(redisAt(healthyRedisReport({ ping: stalled(0.6, 500), change: seldom }))).toBeCloseTo(0.25, 1);
    const hanging = { ...stalled(0.6, 500), unanswered: 3 };
    expect(redisAt(healthyRedisReport({ ping: hanging, change: seldom }))).toBeCloseTo(2.4, 1);
  });

  test('workers of Celery that wait for tasks send no commands of requests', () => {
    const brpop = redisCommand({ command: 'brpop', callsPerSecond: 180 });
    const commands = [redisCommand({ command: 'ping', callsPerSecond: 20 }), brpop];
    expect(redisAt(healthyRedisReport({ ping: stalled(), change: { commands } }))).toBe(0);
  });

  test('that did not answer leaves the rest unknown; one that is not configured is taken as not there', () => {
    expect(at(four, 'outside')).toBe(4);
    const failed = ledgerOf(four, (outcome) =>
      outcome.probeId === 'redis'
        ? { ...outcome, status: 'failed', code: 'target-timeout', reason: 'Redis does not answer' }
        : outcome,
    );
    expect(failed.blind).toContainEqual({ place: 'outside', reason: 'Redis does not answer' });
    expect(inFlightAt(failed, 'unknown')).toBe(4);
  });
});

describe('Celery with the role of the API', () => {
  test('is no request, neither in the samples nor among who waits for a lock', () => {
    const active = activeReport([
      ['IO', 'DataFileRead', 3],
      ['CPU', 'on-cpu', 1],
    ]);
    const [task, request] = active.activity;
    if (!task || !request) throw new Error('two activities are expected');
    const shared = { ...active, activity: [{ ...task, application: 'celery: export' }, request] };
    expect(ledgerOf({ 'active-queries': shared })).toMatchObject({ totalInFlight: 1 });
    const failed = buildLedger(
      readFacts(
        service,
        outcomesOf({
          'lock-tree': lockReport([
            lockNode({ pid: 1 }),
            lockNode({ pid: 2, blockedBy: [1], application: 'celery: export' }),
            lockNode({ pid: 3, blockedBy: [1] }),
          ]),
        }),
      ),
    );
    expect(inFlightAt(failed, 'lock-wait')).toBe(1);
  });
});
