import { describe, expect, test } from 'vitest';
import { CAUSES } from '../../../src/diagnosis/causes/index.ts';
import { cpuBusy, healthyHostReport } from '../../fixtures/reports/host.ts';
import { healthyPostgresServerReport } from '../../fixtures/reports/postgres-server.ts';
import { healthyRedisReport, stalled } from '../../fixtures/reports/redis.ts';
import { healthyTableHealthReport, vacuum } from '../../fixtures/reports/table-health.ts';
import { activeReport, lockNode, lockReport } from '../../helpers/reports.ts';
import { lockPileUp, verdictOn, well } from './verdicts.ts';

const server = healthyPostgresServerReport;
const syncing = activeReport([
  ['IO', 'DataFileSync', 2],
  ['IO', 'WalSync', 2],
  ['CPU', 'on-cpu', 1],
]);
const reading = activeReport([['IO', 'DataFileRead', 5]]);

describe('checkpoint-storm', () => {
  const storm = { 'postgres-server': server({ checkpoints: { requested: 2, syncMs: 1_400 } }) };

  test('is found when checkpoints are forced and sessions wait for fsync', () => {
    expect(verdictOn('checkpoint-storm', { ...storm, 'active-queries': syncing })).toMatchObject({
      status: 'found',
      first: 'checkpoint-storm',
      confidence: 0.9,
      summary: expect.stringMatching(/2 forced and 0 timed in 3 s, 1\.4 s of fsync.*80 %/),
      advice: expect.arrayContaining([expect.stringContaining("max_wal_size = '4096MB'")]),
    });
    expect(verdictOn('checkpoint-storm', { ...well, ...storm, 'active-queries': syncing }).status).toBe(
      'ruled-out',
    );
  });

  test('is ruled out when nobody waits or nothing was forced, and unknown after a reset', () => {
    expect(verdictOn('checkpoint-storm', storm).summary).toContain('only 0 %');
    const timed = { 'postgres-server': server({ checkpoints: { timed: 1 } }), 'active-queries': syncing };
    expect(verdictOn('checkpoint-storm', timed).summary).toContain('1 by the clock');
    const reset = {
      'postgres-server': server({ checkpoints: { requested: null } }),
      'active-queries': syncing,
    };
    expect(verdictOn('checkpoint-storm', reset).status).toBe('could-not-look');
    expect(verdictOn('checkpoint-storm', {}).status).toBe('could-not-look');
  });
});

describe('replication-backup-load', () => {
  const backup = { kind: 'pg_dump' as const, pid: 77, phase: null, ageMs: 600_000 };
  const dumping = { 'postgres-server': server({}, { backups: [backup] }) };

  test('is found for a backup that takes the disk, and not for one that nobody notices', () => {
    expect(verdictOn('replication-backup-load', { ...dumping, 'active-queries': reading })).toMatchObject({
      status: 'found',
      summary: expect.stringMatching(/^A pg_dump \(pid 77\) has been running for 10 min, and 100 %/),
    });
    expect(verdictOn('replication-backup-load', { ...dumping, ...lockPileUp(6) })).toMatchObject({
      status: 'ruled-out',
      first: 'lock-idle-in-tx',
    });
    const calm = { ...well, ...dumping, 'active-queries': reading };
    expect(verdictOn('replication-backup-load', calm).status).toBe('ruled-out');
  });

  test('is found for commits that wait for a standby', () => {
    const waiting = activeReport([
      ['IPC', 'SyncRep', 4],
      ['CPU', 'on-cpu', 1],
    ]);
    const reports = { 'postgres-server': server(), 'active-queries': waiting };
    expect(verdictOn('replication-backup-load', reports)).toMatchObject({
      status: 'found',
      share: expect.closeTo(4 / 6, 5),
      summary: expect.stringContaining('80 % of the busy sessions wait for a synchronous standby'),
    });
  });

  test('is ruled out when nothing runs, and names a slot that nobody reads', () => {
    const slot = { name: 'old', type: 'physical', active: false, walStatus: 'extended', retainedBytes: 5e9 };
    expect(
      verdictOn('replication-backup-load', { 'postgres-server': server({}, { slots: [slot] }) }),
    ).toMatchObject({
      status: 'ruled-out',
      summary: expect.stringContaining('1 replication slot is read by nobody'),
    });
  });
});

describe('wraparound-vacuum', () => {
  const freezing = {
    'table-health': healthyTableHealthReport({ workers: [vacuum({ preventsWraparound: true })] }),
  };

  test('is found when sessions wait behind it or for the disk', () => {
    const behind = lockReport([
      lockNode({ pid: 700, backendType: 'autovacuum worker', role: '' }),
      ...[1, 2, 3].map((i) => lockNode({ pid: 800 + i, blockedBy: [700] })),
    ]);
    const waiting = activeReport([['Lock', 'relation', 3]]);
    const queue = { ...freezing, 'lock-tree': behind, 'active-queries': waiting };
    expect(verdictOn('wraparound-vacuum', queue)).toMatchObject({ status: 'found', mitigations: [] });
    expect(verdictOn('wraparound-vacuum', { ...freezing, 'active-queries': reading }).status).toBe('found');
    expect(verdictOn('wraparound-vacuum', { ...well, ...freezing, 'active-queries': reading }).status).toBe(
      'ruled-out',
    );
  });

  test('is ruled out while nobody waits, and for the ordinary nightly vacuum', () => {
    expect(verdictOn('wraparound-vacuum', freezing).summary).toContain('nobody waits');
    const nightly = {
      'table-health': healthyTableHealthReport({ workers: [vacuum()] }),
      'active-queries': reading,
    };
    expect(verdictOn('wraparound-vacuum', nightly).summary).toContain('25 % of the way');
    expect(verdictOn('wraparound-vacuum', {}).status).toBe('could-not-look');
  });
});

describe('network', () => {
  const far = {
    'postgres-server': server({}, { roundTrip: { p50Ms: 42, maxMs: 60, samples: 5 } }),
    redis: healthyRedisReport({ ping: { ...stalled(1, 55), p50Ms: 40 } }),
  };

  test('is found when both ways are slow and both servers are idle', () => {
    expect(verdictOn('network', far)).toMatchObject({
      status: 'found',
      confidence: 0.6,
      summary: expect.stringContaining('42 ms to PostgreSQL and 40 ms to Redis'),
    });
    expect(verdictOn('network', { ...well, ...far }).status).toBe('ruled-out');
    expect(verdictOn('redis-slow-command', far).status).toBe('ruled-out');
  });

  test('is ruled out when one way is quick, or when a server is busy; unknown when one was not measured', () => {
    expect(verdictOn('network', { ...far, redis: healthyRedisReport() }).status).toBe('ruled-out');
    const busy = { ...far, host: healthyHostReport({ cpu: cpuBusy(0.98) }) };
    expect(verdictOn('network', busy).summary).toContain('98 % busy');
    expect(verdictOn('network', { redis: far.redis }).status).toBe('could-not-look');
  });
});

test('no cause is its own explanation, not even over others', () => {
  const edges = new Map(CAUSES.map(({ id, explainedBy }) => [id, explainedBy]));
  const above = (id: string, path: readonly string[]): string[][] =>
    (edges.get(id) ?? []).flatMap((other) =>
      path.includes(other) ? [[...path, other]] : above(other, [...path, other]),
    );
  const circles = [...edges.keys()].flatMap((id) => above(id, [id]));
  expect(circles.map((path) => path.join(' <- '))).toEqual([]);
});
