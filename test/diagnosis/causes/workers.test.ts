import { describe, expect, test } from 'vitest';
import type { Reports } from '../../../src/probes/index.ts';
import { gunicornReport } from '../../fixtures/reports/gunicorn-workers.ts';
import { healthyRequestLogReport } from '../../fixtures/reports/request-log.ts';
import { activeReport, poolReport } from '../../helpers/reports.ts';
import { testService } from '../../helpers/test-service.ts';
import { lockPileUp, verdictOn, well } from './verdicts.ts';

const postgres = { postgres: { url: 'postgres://p@db/debtflow', applicationRoles: ['debtflow'] } };
const idleDatabase = { 'active-queries': activeReport([['CPU', 'on-cpu', 0.1]]) };

describe('gunicorn-starvation', () => {
  test('is found when connections wait and all workers are busy, with the pid to signal', () => {
    expect(verdictOn('gunicorn-starvation', { 'gunicorn-workers': gunicornReport(4, 6) })).toMatchObject({
      status: 'found',
      confidence: 0.9,
      share: 0.6,
      summary: expect.stringContaining('6 connections waited for one of 4 workers'),
      advice: [expect.stringContaining('kill -TTIN 900')],
      mitigations: [
        {
          kind: 'add-workers',
          risk: 'medium',
          title: 'Add 1 worker to Gunicorn (master 900, 4 now)',
          target: {
            ...{ pid: 900, startTicks: 90, command: '3141592653', workers: 4 },
            ...{ host: 'this machine', by: 1 },
          },
          dryRun: { workers: 4, after: 5, ceiling: 5, connections: { used: 20, needed: 1 } },
        },
      ],
    });
  });

  const more = { mitigations: { maxWorkers: 40 }, targets: { host: { local: {}, actions: true } } };
  const withMore = (report: Reports['gunicorn-workers'], reports: Partial<Reports> = {}, service = more) =>
    verdictOn(
      'gunicorn-starvation',
      { 'gunicorn-workers': report, ...reports },
      undefined,
      testService({ ...service, targets: { ...postgres, ...service.targets } }),
    );

  test('offers a quarter more, and the same while their number stays', () => {
    const sixteen = (queued: number) => gunicornReport(4, queued, { workerCount: 16 });
    const [first, second] = [withMore(sixteen(6)), withMore(sixteen(9))];
    expect(first.mitigations[0]).toMatchObject({ target: { workers: 16, by: 4 }, dryRun: { after: 20 } });
    expect(second.mitigations[0]?.target).toEqual(first.mitigations[0]?.target);
  });

  test.each([
    ['above the ceiling', gunicornReport(4, 6, { workerCount: 40 }), /41 workers would be more than the 40/],
    ['while workers die', gunicornReport(4, 6, { startedInWindow: 1 }), /workers die/],
    ['after a restart', gunicornReport(4, 6, { restarted: true }), /was restarted/],
    ['with an old script', gunicornReport(4, 6, { control: null }), /cannot act yet/],
    [
      "for another user's Gunicorn",
      gunicornReport(4, 6, { control: { command: '1', acts: 'denied' } }),
      /another user/,
    ],
    [
      'where the far side only lets look',
      gunicornReport(4, 6, { control: { command: '1', acts: 'off' } }),
      /for looking only/,
    ],
  ])('offers none %s, and says so', (_when, report, reason) => {
    expect(withMore(report)).toMatchObject({
      status: 'found',
      mitigations: [],
      advice: [expect.stringMatching(reason)],
    });
  });

  test('offers none for a master that cannot be named for sure', () => {
    const unnamed = gunicornReport(4, 6, { control: { command: '', acts: 'yes' } });
    expect(withMore(unnamed).advice[0]).toMatch(/does not name it for sure/);
  });

  test('offers none while the workers wait for the database', () => {
    const said = withMore(gunicornReport(4, 6), lockPileUp(4));
    expect(said.mitigations).toEqual([]);
    expect(said.advice[0]).toMatch(
      /^Do not add workers now: \d+ % of what the workers hold is in the database/,
    );
  });

  test('is the consequence of a lock pile-up and of a slow outside call', () => {
    const locked = { ...lockPileUp(4), 'gunicorn-workers': gunicornReport(4, 6) };
    expect(verdictOn('gunicorn-starvation', locked)).toMatchObject({
      status: 'found',
      consequenceOf: 'lock-idle-in-tx',
      first: 'lock-idle-in-tx',
    });
  });

  test('advises against more workers where CPU or connections are short', () => {
    const headroom = { cores: 2, idleRatio: 0.05, availableBytes: 5e9, workerRssBytes: 9e7 };
    const short = {
      'gunicorn-workers': gunicornReport(4, 6, { headroom }),
      'connection-pool': poolReport(80),
    };
    expect(verdictOn('gunicorn-starvation', short).advice).toEqual([
      'Do not add workers now: only 5 % of its CPU is idle, 82 % of the connections are used.',
    ]);
  });

  test('is ruled out for an empty queue, for one that passes, and while the API is well', () => {
    const passing = { average: 1.5, max: 6, last: 0, samples: [6, 0, 0, 0], limit: 2_048 };
    for (const report of [gunicornReport(4, 0), gunicornReport(4, 0, { backlog: passing })]) {
      expect(verdictOn('gunicorn-starvation', { 'gunicorn-workers': report }).status).toBe('ruled-out');
    }
    expect(
      verdictOn('gunicorn-starvation', { ...well, 'gunicorn-workers': gunicornReport(4, 6) }).status,
    ).toBe('ruled-out');
  });

  test('cannot be said when the queue could not be read', () => {
    const notSeen = [
      { what: 'listen queue', reason: 'the length of the queue could not be read', remedy: null },
    ];
    const blind = gunicornReport(4, 0, { backlog: null, notSeen });
    expect(verdictOn('gunicorn-starvation', { 'gunicorn-workers': blind })).toMatchObject({
      status: 'could-not-look',
      summary: 'the length of the queue could not be read',
    });
  });
});

describe('downstream-api-slow', () => {
  const outside = { ...idleDatabase, 'gunicorn-workers': gunicornReport(4) };

  test('is found when the workers hold requests that are nowhere else', () => {
    const log = healthyRequestLogReport({ exceptions: [{ name: 'ReadTimeout', count: 5 }] });
    expect(verdictOn('downstream-api-slow', { ...outside, 'request-log': log })).toMatchObject({
      status: 'found',
      first: 'downstream-api-slow',
      share: expect.closeTo(0.95, 2),
      summary: expect.stringMatching(/^Requests wait for an outside call.*95 % of the request time/),
      evidence: expect.arrayContaining([
        expect.objectContaining({ text: expect.stringContaining('ReadTimeout') }),
      ]),
    });
    const starved = { ...outside, 'gunicorn-workers': gunicornReport(4, 3) };
    expect(verdictOn('gunicorn-starvation', starved)).toMatchObject({ consequenceOf: 'downstream-api-slow' });
    // Nobody waits for a worker, or somebody does.
    expect(verdictOn('downstream-api-slow', outside).mitigations).toEqual([]);
    expect(verdictOn('downstream-api-slow', starved).mitigations).toMatchObject([{ kind: 'add-workers' }]);
  });

  test('is ruled out when the requests are in the database, and while the API is well', () => {
    const locked = { ...lockPileUp(4), 'gunicorn-workers': gunicornReport(4) };
    expect(verdictOn('downstream-api-slow', locked).status).toBe('ruled-out');
    expect(verdictOn('downstream-api-slow', { ...outside, ...well }).status).toBe('ruled-out');
  });

  test('cannot be said when busy workers cannot be told, or when Redis did not answer', () => {
    const many = {
      ...idleDatabase,
      'gunicorn-workers': gunicornReport(4, 0, { busy: null, concurrency: 'many' }),
    };
    expect(verdictOn('downstream-api-slow', many).status).toBe('could-not-look');
    const silent = { probeId: 'redis' as const, code: 'target-timeout', reason: 'Redis does not answer' };
    expect(verdictOn('downstream-api-slow', outside, silent)).toMatchObject({
      status: 'could-not-look',
      summary: expect.stringContaining('Redis does not answer'),
    });
  });
});
