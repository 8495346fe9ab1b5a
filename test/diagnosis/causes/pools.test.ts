import { describe, expect, test } from 'vitest';
import type { Reports } from '../../../src/probes/index.ts';
import { gunicornReport } from '../../fixtures/reports/gunicorn-workers.ts';
import { cpuBusy, healthyHostReport, process } from '../../fixtures/reports/host.ts';
import { healthyPgbouncerReport, pool } from '../../fixtures/reports/pgbouncer.ts';
import { healthyPostgresServerReport } from '../../fixtures/reports/postgres-server.ts';
import { healthyTopStatementsReport, statement } from '../../fixtures/reports/top-statements.ts';
import { activeReport, latencyReport, poolReport, session, slow } from '../../helpers/reports.ts';
import { testService } from '../../helpers/test-service.ts';
import { lockPileUp, offeredFor, verdictOn, well } from './verdicts.ts';

const starved = pool({
  ...{ serversActive: 4, serversIdle: 0, clientsWaiting: 5, averageWaiting: 5, maxWaiting: 6 },
  ...{ longestWaitMs: 900, samplesWaiting: 12, heldBack: false, poolSize: 4 },
});
const clients = (application: string) => [
  { database: 'debtflow', user: 'debtflow', application, state: 'active', count: 4 },
];
const idle = (pid: number, overrides = {}) =>
  session({
    ...{ pid, application: 'export', state: 'idle in transaction', stateAgeMs: 20_000 + pid },
    ...{ averageActive: 0, ...overrides },
  });

const idleTraffic = {
  ...{ xactPerSecond: 0, queryPerSecond: 0, averageXactMs: null, averageQueryMs: null, averageInQuery: 0 },
  ...{ averageIdleInTransaction: 0, waitMsPerSecond: 0, receivedBytesPerSecond: 0, sentBytesPerSecond: 0 },
};

/** Clients that wait, and what the server connections do meanwhile. */
function waiting(sessions: ReturnType<typeof session>[], overrides: Partial<Reports> = {}) {
  return {
    'api-latency': slow(6),
    'active-queries': activeReport([['CPU', 'on-cpu', 0.2]], sessions),
    pgbouncer: healthyPgbouncerReport({ pools: [starved], clientGroups: clients('export') }),
    ...overrides,
  } satisfies Partial<Reports>;
}
const held = waiting([idle(1), idle(2), idle(3)]);

describe('a pool without a free connection', () => {
  test('is a cause of its own when idle transactions hold it; the oldest of them may be ended', () => {
    const said = offeredFor('pool-starvation', held);
    expect(said).toMatchObject({
      ...{ status: 'found', first: 'pool-starvation', confidence: 0.9 },
      summary: expect.stringMatching(
        /^On average 5 clients of debtflow wait at PgBouncer for a connection to debtflow, up to 900 ms, because 3 of 4 server connections sit idle in transaction, the oldest, pid 3 \(export\), for 20 s: \d+ % of request time\.$/,
      ),
    });
    expect(said.share).toBeGreaterThan(0.5);
    expect(said.mitigations.map(({ kind, target }) => [kind, target.pid])).toEqual([
      ['terminate-backend', 3],
      ['terminate-backend', 2],
      ['terminate-backend', 1],
    ]);
  });

  test('offers nobody who has been idle for a moment, or who may have come past PgBouncer', () => {
    const young = waiting([1, 2, 3].map((pid) => idle(pid, { stateAgeMs: 700 })));
    const unlisted = waiting([idle(1), idle(2), idle(3)], {
      pgbouncer: healthyPgbouncerReport({ pools: [starved], clientGroups: null }),
    });
    for (const reports of [young, unlisted]) {
      expect(offeredFor('pool-starvation', reports)).toMatchObject({ status: 'found', mitigations: [] });
    }
    const others = waiting([idle(1), idle(2), idle(3)].map((one) => ({ ...one, application: 'psql' })));
    expect(offeredFor('pool-starvation', others).summary).toContain('all 4 server connections are in use');
  });

  test('is the consequence of locks that its sessions wait for', () => {
    const said = offeredFor('pool-starvation', { ...waiting([]), ...lockPileUp(4) });
    expect(said).toMatchObject({
      ...{ status: 'found', first: 'lock-idle-in-tx', consequenceOf: 'lock-idle-in-tx', mitigations: [] },
    });
  });

  test('is the consequence of an outside call that requests make within their transactions', () => {
    const pools = [pool({ ...starved, averageWaiting: 1 })];
    const said = offeredFor('pool-starvation', {
      ...waiting([1, 2, 3, 4].map((pid) => idle(pid, { application: 'gunicorn', stateAgeMs: 6_000 }))),
      pgbouncer: healthyPgbouncerReport({ pools, clientGroups: clients('gunicorn') }),
      'gunicorn-workers': gunicornReport(8, 0, { workerCount: 8, cpuCores: 0 }),
    });
    expect(said).toMatchObject({ status: 'found', first: 'downstream-api-slow', mitigations: [] });
    expect(said.consequenceOf).toBe('downstream-api-slow');
  });

  test.each([
    ['nobody waits', healthyPgbouncerReport(), /no request waits at PgBouncer/],
    [
      'they wait for a moment',
      one({ longestWaitMs: 30, averageWaiting: 0.4 }),
      /which connections that come free soon explain/,
    ],
    ['one sample saw it', one({ samplesWaiting: 1 }), /come free soon/],
    ['a connection is free', one({ serversIdle: 2, averageWaiting: 0.5 }), /come free soon/],
    ['they are no requests', one({ user: 'reports' }), /no request waits/],
  ])('is ruled out when %s', (_why, pgbouncer, words) => {
    const said = verdictOn('pool-starvation', { ...held, pgbouncer });
    expect(said.status).toBe('ruled-out');
    expect(said.summary).toMatch(words);
  });

  test('is found when each wait is short, but somebody waits all the time', () => {
    const short = one({ longestWaitMs: 30, averageWaiting: 4, samplesWaiting: 12 });
    expect(verdictOn('pool-starvation', { ...held, pgbouncer: { ...short, samples: 13 } })).toMatchObject({
      status: 'found',
    });
    expect(verdictOn('pool-starvation', { ...held, pgbouncer: { ...short, samples: 30 } })).toMatchObject({
      status: 'ruled-out',
    });
  });

  test('is ruled out when the API does not suffer', () => {
    const said = offeredFor('pool-starvation', { ...held, ...well });
    expect(said).toMatchObject({ status: 'ruled-out', mitigations: [] });
    expect(said.summary).toContain('but the API does not suffer');
  });
});

function one(overrides: Parameters<typeof pool>[0]) {
  return healthyPgbouncerReport({ pools: [{ ...starved, ...overrides }] });
}

describe('a PgBouncer that is paused', () => {
  const [database] = healthyPgbouncerReport().databases;
  const stopped = (change: object, pools = [starved]) =>
    healthyPgbouncerReport({ pools, databases: database ? [{ ...database, ...change }] : [] });

  test.each([
    ['paused', { paused: true }, 'RESUME debtflow;'],
    ['disabled', { disabled: true }, 'ENABLE debtflow;'],
  ])('is a hard stop when it is %s, with the command that ends it', (word, change, command) => {
    const said = verdictOn('pgbouncer-paused', { ...waiting([]), pgbouncer: stopped(change) });
    expect(said).toMatchObject({ status: 'found', first: 'pgbouncer-paused', confidence: 0.9 });
    expect(said.summary).toMatch(
      new RegExp(`^PgBouncer serves nobody on debtflow, which is ${word}; 5 clients wait`),
    );
    expect(said.advice[0]).toContain(command);
  });

  test('RESUME is offered for the pause that was seen, and not for what only is disabled', () => {
    const pgbouncer = { url: 'postgres://probe@bouncer:6432/pgbouncer' };
    const postgres = { url: 'postgres://p@db/debtflow', applicationRoles: ['debtflow'] };
    const pooled = testService({ targets: { postgres, pgbouncer } });
    const offered = (change: object) => {
      const traffic = { ...idleTraffic, database: 'debtflow', totalQueryMicros: 4_711 };
      const report = { ...stopped(change), traffic: [traffic] };
      return verdictOn('pgbouncer-paused', { ...waiting([]), pgbouncer: report }, undefined, pooled);
    };
    expect(offered({ paused: true }).mitigations).toMatchObject([
      {
        kind: 'pgbouncer-resume',
        target: { console: 'bouncer:6432', database: 'debtflow', queryMicros: 4_711 },
        dryRun: { clientsWaiting: 5 },
      },
    ]);
    expect(offered({ disabled: true }).mitigations).toEqual([]);
  });

  const heldBack = { pools: [pool({ ...starved, serversActive: 0, heldBack: true })] };
  test.each([
    [
      'SHOW STATE says so',
      { ...heldBack, everyDatabasePaused: true },
      poolReport(20),
      0.9,
      /it is paused; 5/,
    ],
    ['this version does not say', heldBack, poolReport(20), 0.6, /looks paused; 5 clients wait throughout/],
  ])('as a whole: %s', (_why, change, room, sure, words) => {
    const pgbouncer = healthyPgbouncerReport(change);
    const said = verdictOn('pgbouncer-paused', { ...waiting([]), 'connection-pool': room, pgbouncer });
    expect(said).toMatchObject({ status: 'found', first: 'pgbouncer-paused', confidence: sure });
    expect(said.summary).toMatch(words);
  });

  test('a PostgreSQL without room may hold them back as well', () => {
    const reports = { ...waiting([]), 'connection-pool': poolReport(100) };
    const pgbouncer = healthyPgbouncerReport(heldBack);
    expect(verdictOn('pgbouncer-paused', { ...reports, pgbouncer }).status).toBe('ruled-out');
  });

  test('explains those who wait', () => {
    const said = verdictOn('pool-starvation', { ...waiting([]), pgbouncer: stopped({ paused: true }) });
    expect(said.consequenceOf).toBe('pgbouncer-paused');
  });

  test.each([
    ['it is not', healthyPgbouncerReport(), slow(6), /none of 1 database/],
    ['another database is', stopped({ name: 'old', paused: true }), slow(6), /the API does not use it/],
    ['nobody waits for it', stopped({ paused: true }, [pool()]), latencyReport(), /nobody waits for it/],
  ])('is ruled out when %s', (_why, pgbouncer, latency, words) => {
    const said = verdictOn('pgbouncer-paused', { pgbouncer, 'api-latency': latency });
    expect(said.status).toBe('ruled-out');
    expect(said.summary).toMatch(words);
  });
});

describe('a connection for every request', () => {
  const rps = 80;
  const host = healthyHostReport({ cpu: cpuBusy(0.97), topProcesses: [process('postgres', 1.7)] });
  const churn = (sessions: number | null, overrides: Partial<Reports> = {}): Partial<Reports> => ({
    'postgres-server': healthyPostgresServerReport({ database: { sessions } }),
    'active-queries': activeReport([['CPU', 'on-cpu', 0.3]]),
    host,
    ...overrides,
  });
  const each = rps * 3;

  test('is found when PostgreSQL burns the CPU with something else than statements', () => {
    const greeting = statement({ fingerprint: 'set', callsPerSecond: 80 });
    const query = { ...greeting.query, text: 'SET TIME ZONE $1' };
    const statements = healthyTopStatementsReport([{ ...greeting, query }]);
    const said = verdictOn('connection-churn', churn(each, { 'top-statements': statements }));
    expect(said).toMatchObject({ status: 'found', confidence: 0.9, share: null });
    expect(said.summary).toBe(
      'Every request opens its own connection: 80.0 new sessions a second for 80.0 requests a second, and PostgreSQL uses 1.4 cores for starting them.',
    );
    expect(verdictOn('connection-churn', churn(each)).confidence).toBe(0.6);
  });

  test.each([
    ['connections persist', churn(9), /^connections persist: 3 new sessions/],
    ['the CPU is free', churn(each, { host: healthyHostReport() }), /what they cost does not show/],
    ['statements burn it', churn(each, { 'active-queries': activeReport([['CPU', 'x', 4]]) }), /not show/],
    ['the API does not suffer', churn(each, well), /the API does not suffer/],
    [
      'another process burns it',
      churn(each, {
        host: healthyHostReport({
          ...{ cpu: cpuBusy(0.97), topProcesses: [process('stress', 1.2), process('postgres', 0.7)] },
        }),
      }),
      /does not show/,
    ],
  ])('is ruled out when %s', (_why, reports, words) => {
    const said = verdictOn('connection-churn', reports);
    expect(said.status).toBe('ruled-out');
    expect(said.summary).toMatch(words);
  });

  test('cannot be told where nobody counts sessions, or nobody saw the machine', () => {
    expect(verdictOn('connection-churn', churn(null)).status).toBe('could-not-look');
    const { host: _unseen, ...blind } = churn(each);
    expect(verdictOn('connection-churn', blind)).toMatchObject({
      status: 'could-not-look',
      summary: expect.stringContaining('the machine of PostgreSQL was not looked at'),
    });
  });
});

test.each(['pool-starvation', 'pgbouncer-paused'])('%s could not look without PgBouncer', (id) => {
  const failure = { code: 'target-unreachable', reason: 'nobody listens', probeId: 'pgbouncer' as const };
  expect(verdictOn(id, { 'connection-pool': poolReport(20) }, failure)).toMatchObject({
    ...{ status: 'could-not-look', summary: 'could not look: nobody listens' },
  });
});
