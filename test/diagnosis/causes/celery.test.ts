import { describe, expect, test } from 'vitest';
import type { Reports } from '../../../src/probes/index.ts';
import type { LockNode, LockTreeReport } from '../../../src/probes/lock-tree.ts';
import { healthyCeleryReport, queue, waitingTasks } from '../../fixtures/reports/celery.ts';
import { healthyTopStatementsReport, statement } from '../../fixtures/reports/top-statements.ts';
import { activeReport, lockNode, lockReport } from '../../helpers/reports.ts';
import { lockPileUp, offeredFor, verdictOn, well } from './verdicts.ts';

const ROLE = 'debtflow_celery';

/** A task of Celery that holds rows, and requests that wait for them. */
function task(overrides: Partial<LockNode>, lasting = true): Partial<Reports> {
  const root = lockNode({
    ...{ pid: 42, application: 'celery: reconcile_payments', role: ROLE, xactAgeMs: 60_000 },
    ...overrides,
  });
  const waiters = Array.from({ length: 6 }, (_, i) => lockNode({ pid: 500 + i, blockedBy: [42] }));
  const tree = lockReport([root, ...waiters]);
  return {
    'active-queries': activeReport([['Lock', 'transactionid', 6]]),
    'lock-tree': { ...tree, roots: tree.roots.map((one) => ({ ...one, lasting })) },
    celery: healthyCeleryReport(),
  };
}

describe('Celery that competes with the API', () => {
  test.each([
    ['its tasks take turns', task({ xactAgeMs: 9_000 }, false)],
    ['requests wait for longer than the present task runs', task({ xactAgeMs: 2_500 })],
    ['the batch is short', task({ xactAgeMs: 4_500 })],
  ])('is the cause when %s, and no single session is offered', (_why, reports) => {
    const said = offeredFor('celery-contention', reports);
    expect(said).toMatchObject({
      ...{ status: 'found', first: 'celery-contention', confidence: 0.9, mitigations: [] },
      summary: expect.stringMatching(
        /^Tasks of Celery hold locks on accounts_account one after the other, now pid 42 \(celery: reconcile_payments\), and 6 requests wait for up to 4 s: \d+ %/,
      ),
    });
    expect(said.advice[0]).toContain('rate_limit reconcile_payments 10/m');
    expect(offeredFor('lock-active-writer', reports)).toMatchObject({
      ...{ status: 'ruled-out', summary: expect.stringContaining('tasks of Celery do in turn') },
    });
  });

  test("is the cause when the next batch has only just begun, which is nobody else's", () => {
    const young = task({ xactAgeMs: 200, stateAgeMs: 100 }, false);
    const tree = young['lock-tree'] as LockTreeReport;
    const nodes = tree.nodes.map((node) => (node.waitMs === null ? node : { ...node, waitMs: 150 }));
    const reports = { ...young, 'lock-tree': { ...tree, nodes, waitingAtBegin: 0 } };
    expect(offeredFor('celery-contention', reports)).toMatchObject({
      ...{ status: 'found', first: 'celery-contention', mitigations: [] },
    });
    expect(offeredFor('lock-active-writer', reports).status).toBe('ruled-out');
    // Few of the samples of the window met anybody who waited: an ordinary moment of an ordinary lock.
    const moment = { ...reports, 'active-queries': activeReport([['Lock', 'transactionid', 0.4]]) };
    expect(verdictOn('celery-contention', moment).status).not.toBe('found');
  });

  test.each([
    ['lock-active-writer', task({})],
    ['lock-idle-in-tx', task({ state: 'idle in transaction', stateAgeMs: 50_000 })],
  ])('only says who it is when one session holds the locks: %s', (cause, reports) => {
    expect(offeredFor('celery-contention', reports)).toMatchObject({
      ...{ status: 'found', first: cause, consequenceOf: cause, mitigations: [] },
    });
    expect(offeredFor(cause, reports).mitigations).toHaveLength(1);
  });

  const load = (role: string, onCpu: number, overrides: Partial<Reports> = {}): Partial<Reports> => ({
    'active-queries': activeReport([
      ['CPU', 'on-cpu', onCpu, role],
      ['CPU', 'on-cpu', 2],
    ]),
    'top-statements': healthyTopStatementsReport([
      statement({ fingerprint: 'reconcile', role, isApplication: false, averageActive: onCpu }),
      statement({ averageActive: 2 }),
    ]),
    celery: healthyCeleryReport(),
    ...overrides,
  });

  test('is found by its part of the work of the database', () => {
    const said = verdictOn('celery-contention', load(ROLE, 3));
    expect(said).toMatchObject({ status: 'found', confidence: 0.9 });
    expect(said.summary).toMatch(/^Celery takes 60 % of the work of PostgreSQL while the API is slow: \d+ %/);
    expect(said.evidence[0]?.data).toMatchObject({ statements: 0.6, working: 0.6, roles: [ROLE] });
  });

  test.each([
    ['it does little', load(ROLE, 0.5), /has 20 % of the execution time/],
    ['another role works', load('analyst', 3), /has 0 % of the execution time/],
    ['it only waits for locks itself', { ...load(ROLE, 3), ...waitingItself() }, /no task of Celery blocks/],
    ['somebody else holds the locks', lockPileUp(6), /no task of Celery blocks requests/],
    ['the API does not suffer', load(ROLE, 3, well), /the API does not suffer/],
  ])('is ruled out when %s', (_why, reports, words) => {
    const said = verdictOn('celery-contention', reports);
    expect(said.status).toBe('ruled-out');
    expect(said.summary).toMatch(words);
  });

  test('cannot be told of its work without the statements', () => {
    const { 'top-statements': _unseen, ...blind } = load(ROLE, 3);
    expect(verdictOn('celery-contention', blind)).toMatchObject({ status: 'could-not-look' });
  });
});

function waitingItself(): Partial<Reports> {
  return {
    'active-queries': activeReport([
      ['Lock', 'transactionid', 3, ROLE],
      ['CPU', 'on-cpu', 2],
    ]),
  };
}

const growing = queue({ lengthAtBegin: 400, length: 460, growthPerSecond: 20, growing: true });
const celery = (overrides: Parameters<typeof healthyCeleryReport>[0]): Partial<Reports> => ({
  celery: healthyCeleryReport(overrides),
});

describe('a backlog of Celery', () => {
  const backlog = celery({ queues: [growing], consumers: { blocked: 0, seen: 2 } });

  test('is found beside a slow API, but explains no request', () => {
    expect(verdictOn('celery-backlog', backlog)).toMatchObject({
      ...{ status: 'found', share: null, confidence: 0.9, mitigations: [] },
      summary: 'Celery falls behind: the queue celery holds 460 messages and grows by 20.0 a second.',
    });
  });

  test('is the consequence of what makes the tasks slow', () => {
    expect(verdictOn('celery-backlog', { ...backlog, ...lockPileUp(6) })).toMatchObject({
      ...{ first: 'lock-idle-in-tx', consequenceOf: 'lock-idle-in-tx' },
    });
  });

  test.each([
    ['nothing waits', celery({}), /^0 messages wait/],
    ['little waits', celery({ queues: [{ ...growing, length: 20 }] }), /^20 messages wait/],
    ['it shrinks', celery({ queues: [{ ...growing, growing: false }] }), /do not become more/],
    ['nobody works', celery({ queues: [growing], consumers: { blocked: 0, seen: 0 } }), /are down/],
    ['the API does not suffer', { ...backlog, ...well }, /the API does not suffer/],
  ])('is ruled out when %s', (_why, reports, words) => {
    const said = verdictOn('celery-backlog', reports);
    expect(said.status).toBe('ruled-out');
    expect(said.summary).toMatch(words);
  });

  test('cannot be told from too few samples, or of a queue that may not be read', () => {
    const few = celery({ queues: [{ ...growing, growing: null }] });
    const what = 'length of the queue sftp';
    const denied = celery({ notSeen: [{ what, reason: 'no permission', remedy: null }] });
    expect(verdictOn('celery-backlog', few).status).toBe('could-not-look');
    expect(verdictOn('celery-backlog', denied)).toMatchObject({
      ...{ status: 'could-not-look', summary: 'length of the queue sftp: no permission' },
    });
  });
});

describe('Celery without workers', () => {
  const nobody = { blocked: 0, seen: 0 };
  const down = celery({ queues: [growing], consumers: nobody, waiting: [waitingTasks(false)] });

  test('is found, and is not a backlog', () => {
    expect(verdictOn('celery-down', down)).toMatchObject({
      ...{ status: 'found', confidence: 0.9, share: null, mitigations: [] },
      summary:
        'Celery is down: no worker of Celery is connected to the broker, and 460 messages wait, 20.0 more a second.',
    });
    const onlyGrowing = celery({ queues: [growing], consumers: nobody });
    expect(verdictOn('celery-down', onlyGrowing).confidence).toBe(0.6);
  });

  test.each([
    ['workers are there', celery({ queues: [growing] }), /^2 workers take messages/],
    ['no message waits', celery({ consumers: nobody }), /^0 messages wait/],
    [
      'somebody takes them in another way',
      celery({ queues: [growing], consumers: nobody, waiting: [waitingTasks(true)] }),
      /somebody takes them/,
    ],
    ['the API does not suffer', { ...down, ...well }, /the API does not suffer/],
  ])('is ruled out when %s', (_why, reports, words) => {
    const said = verdictOn('celery-down', reports);
    expect(said.status).toBe('ruled-out');
    expect(said.summary).toMatch(words);
  });

  test('cannot be told when the clients of the broker may not be listed', () => {
    const notSeen = [{ what: 'consumers', reason: 'CLIENT LIST is not allowed', remedy: null }];
    const unseen = celery({ queues: [growing], consumers: null, notSeen });
    const said = verdictOn('celery-down', unseen);
    expect(said.status).toBe('could-not-look');
    expect(said.summary).toContain('CLIENT LIST is not allowed');
    expect(verdictOn('celery-down', celery({ consumers: null })).status).toBe('ruled-out');
  });
});
