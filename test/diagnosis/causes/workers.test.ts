import { describe, expect, test } from 'vitest';
import { gunicornReport } from '../../fixtures/reports/gunicorn-workers.ts';
import { healthyRequestLogReport } from '../../fixtures/reports/request-log.ts';
import { activeReport, poolReport } from '../../helpers/reports.ts';
import { lockPileUp, verdictOn, well } from './verdicts.ts';

const idleDatabase = { 'active-queries': activeReport([['CPU', 'on-cpu', 0.1]]) };

describe('gunicorn-starvation', () => {
  test('is found when connections wait and all workers are busy, with the pid to signal', () => {
    expect(verdictOn('gunicorn-starvation', { 'gunicorn-workers': gunicornReport(4, 6) })).toMatchObject({
      status: 'found',
      confidence: 0.9,
      share: 0.6,
      summary: expect.stringContaining('6 connections waited for one of 4 workers'),
      advice: [expect.stringContaining('kill -TTIN 900')],
      mitigations: [],
    });
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
    expect(
      verdictOn('gunicorn-starvation', { ...outside, 'gunicorn-workers': gunicornReport(4, 3) }),
    ).toMatchObject({
      consequenceOf: 'downstream-api-slow',
    });
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
