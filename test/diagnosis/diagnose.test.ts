import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { diagnose } from '../../src/diagnosis/diagnose.ts';
import { Diagnosis } from '../../src/diagnosis/diagnosis.ts';
import type { Reports } from '../../src/probes/index.ts';
import {
  activeReport,
  latencyReport,
  lockNode,
  lockReport,
  outcomesOf,
  poolReport,
  session,
  slow,
} from '../helpers/reports.ts';
import { testService } from '../helpers/test-service.ts';

const postgres = {
  url: 'postgres://p@db/debtflow',
  actionUrl: 'postgres://a@db/debtflow',
  applicationRoles: ['debtflow'],
};
const service = testService({ targets: { postgres } });
const judge = (reports: Partial<Reports>, failure?: { code: string; reason: string }) =>
  diagnose({ service, outcomes: outcomesOf(reports, failure) });
const cause = (diagnosis: Diagnosis, id: string) => {
  const found = diagnosis.causes.find((candidate) => candidate.id === id);
  if (!found) throw new Error(`no verdict on ${id}`);
  return found;
};

const holder = lockNode({
  ...{ pid: 4242, application: 'celery: reconcile_payments', state: 'idle in transaction' },
  ...{ xactAgeMs: 192_000, stateAgeMs: 190_000, waitEventType: 'Client', waitEvent: 'ClientRead' },
});
const pileUp = (n: number) =>
  lockReport([
    holder,
    ...Array.from({ length: n }, (_, i) => lockNode({ pid: 5_000 + i, blockedBy: [4242] })),
  ]);
const quiet = {
  'active-queries': activeReport([['CPU', 'on-cpu', 0.5]]),
  'lock-tree': lockReport([]),
  'connection-pool': poolReport(20),
};

describe('a healthy API', () => {
  test('is told so, with what was checked, and nothing to do', () => {
    const diagnosis = judge({ ...quiet, 'api-latency': latencyReport() });
    expect(diagnosis).toMatchObject({ verdict: 'healthy', severity: 'none' });
    expect(diagnosis.causes[0]).toMatchObject({
      id: 'healthy',
      summary: expect.stringMatching(
        /^Nothing wrong here: p95 is 84 ms with an objective of 200 ms over 240 requests, 0 % errors\./,
      ),
    });
    const ruledOut = diagnosis.causes.filter(({ status }) => status === 'ruled-out').map(({ id }) => id);
    expect(ruledOut).toEqual(
      expect.arrayContaining(['lock-idle-in-tx', 'long-running-query', 'connection-exhaustion']),
    );
    expect(diagnosis.causes[0]?.evidence.map(({ data }) => data.cause)).toEqual(ruledOut);
    expect(diagnosis.causes.slice(1).filter(({ status }) => status === 'found')).toEqual([]);
    expect(diagnosis.causes.flatMap((c) => c.mitigations)).toEqual([]);
  });

  test('stays healthy with an idle transaction that nobody waits for, and with a report that takes its time', () => {
    const long = session({ pid: 7, application: 'analytics', role: 'analyst', queryAgeMs: 60_000 });
    const idle = session({ pid: 8, state: 'idle in transaction', xactAgeMs: 600_000, averageActive: 0 });
    const diagnosis = judge({
      ...quiet,
      'api-latency': latencyReport(),
      'active-queries': activeReport([['CPU', 'on-cpu', 1, 'analyst']], [long, idle]),
    });
    expect(diagnosis.verdict).toBe('healthy');
    expect(diagnosis.causes.flatMap((c) => c.mitigations)).toEqual([]);
    expect(cause(diagnosis, 'long-running-query').summary).toContain('the API does not suffer');
  });

  test('a p95 in the bucket around the objective is not slow', () => {
    const doubtful = latencyReport({ p95Ms: 242, p95BetweenMs: [100, 250] });
    expect(judge({ ...quiet, 'api-latency': doubtful }).verdict).toBe('healthy');
    const coarse = latencyReport({ p95Ms: 900, p95BetweenMs: [100, 1_000] });
    expect(judge({ ...quiet, 'api-latency': coarse }).verdict).toBe('no-cause-proven');
  });

  test('too few requests for a p95 are no illness while none hangs', () => {
    const few = latencyReport({
      p50Ms: null,
      p95Ms: null,
      p99Ms: null,
      p95BetweenMs: null,
      completed: 3,
      errorRate: null,
    });
    expect(judge({ ...quiet, 'api-latency': few }).verdict).toBe('healthy');
    const hangs = activeReport([['CPU', 'on-cpu', 1]], [session({ queryAgeMs: 6_000 })]);
    expect(judge({ ...quiet, 'api-latency': few, 'active-queries': hangs }).verdict).toBe('cause-found');
  });

  test('is not claimed of an API that completed no request in the window', () => {
    const unmeasured = { p50Ms: null, p95Ms: null, p99Ms: null, meanMs: null, p95BetweenMs: null };
    const silent = latencyReport({ ...unmeasured, rps: 0, completed: 0, errorRate: null }, 0);
    const diagnosis = judge({ ...quiet, 'api-latency': silent });
    expect(diagnosis).toMatchObject({
      verdict: 'no-cause-proven',
      severityReason: 'the latency of the API could not be measured',
    });
    expect(diagnosis.causes[0]?.summary).toContain('the latency of the API could not be measured');
  });

  test('is not claimed when a probe could not look', () => {
    const { 'lock-tree': _unseen, ...seen } = quiet;
    const diagnosis = judge({ ...seen, 'api-latency': latencyReport() });
    expect(diagnosis).toMatchObject({ verdict: 'no-cause-proven', severity: 'none' });
    expect(cause(diagnosis, 'lock-idle-in-tx')).toMatchObject({ status: 'could-not-look' });
    expect(diagnosis.causes[0]?.summary).toContain('Not seen: lock-tree (no answer)');
  });
});

describe('an idle transaction that holds locks', () => {
  const reports = {
    'api-latency': slow(12.5),
    'active-queries': activeReport([
      ['Lock', 'transactionid', 10.75],
      ['CPU', 'on-cpu', 0.5],
    ]),
    'lock-tree': pileUp(11),
    'connection-pool': poolReport(30),
  };

  test('is named with pid, duration, application, waiters and share', () => {
    const diagnosis = judge(reports);
    expect(diagnosis.causes[0]).toMatchObject({
      id: 'lock-idle-in-tx',
      status: 'found',
      confidence: 0.9,
      share: 0.86,
      summary:
        'pid 4242 (celery: reconcile_payments) has been idle in transaction for 3 min 10 s and 11 sessions wait for its locks on accounts_account: 86 % of request time.',
      mitigations: [
        {
          kind: 'terminate-backend',
          title: 'Terminate pid 4242 (celery: reconcile_payments)',
          target: { pid: 4242, backendStart: '2026-03-01 12:00:00.123456+00', state: 'idle in transaction' },
          dryRun: { freed: 11, waitersTotal: 11, rollsBackMs: 192_000 },
        },
      ],
    });
    expect(cause(diagnosis, 'long-running-query').status).toBe('ruled-out');
  });

  test('victims are never called long-running queries', () => {
    const victims = Array.from({ length: 11 }, (_, i) =>
      session({ pid: 5_000 + i, queryAgeMs: 60_000, waitEventType: i % 2 ? 'Lock' : null }),
    );
    const diagnosis = judge({
      ...reports,
      'active-queries': activeReport([['Lock', 'transactionid', 11]], victims),
    });
    expect(cause(diagnosis, 'long-running-query').status).toBe('ruled-out');
  });

  test('a full connection pool is its consequence, without a button of its own', () => {
    const diagnosis = judge({ ...reports, 'connection-pool': poolReport(95, { active: 90, idle: 5 }) });
    // The session is a task of Celery, which explains who it is and has no button either.
    expect(diagnosis.causes.map(({ id }) => id).slice(0, 3)).toEqual([
      'lock-idle-in-tx',
      'celery-contention',
      'connection-exhaustion',
    ]);
    expect(cause(diagnosis, 'connection-exhaustion')).toMatchObject({
      status: 'found',
      consequenceOf: 'lock-idle-in-tx',
      mitigations: [],
    });
  });

  test('a pool full of idle sessions is a cause of its own', () => {
    const diagnosis = judge({ ...reports, 'connection-pool': poolReport(95, { idle: 80, active: 15 }) });
    expect(cause(diagnosis, 'connection-exhaustion').consequenceOf).toBeUndefined();
  });

  test('waits shorter than the threshold, or of other roles, are ordinary contention', () => {
    const brief = lockReport([holder, lockNode({ pid: 5_000, blockedBy: [4242], waitMs: 300 })]);
    const others = lockReport([holder, lockNode({ pid: 5_000, blockedBy: [4242], role: 'celery' })]);
    for (const tree of [brief, others]) {
      const diagnosis = judge({ ...quiet, 'api-latency': latencyReport(), 'lock-tree': tree });
      expect(cause(diagnosis, 'lock-idle-in-tx').status).toBe('ruled-out');
      expect(diagnosis.verdict).toBe('healthy');
    }
  });

  test("is found although the application's time-out ends every wait before the threshold", () => {
    const waiters = Array.from({ length: 4 }, (_, i) =>
      lockNode({ pid: 5_000 + i, blockedBy: [4242], waitMs: 100 + 200 * i }),
    );
    const diagnosis = judge({
      ...reports,
      'active-queries': activeReport([['Lock', 'transactionid', 4]]),
      'lock-tree': lockReport([holder, ...waiters]),
    });
    expect(diagnosis.causes[0]).toMatchObject({ id: 'lock-idle-in-tx', status: 'found' });
  });

  test.each([
    ['a superuser', { superuser: true }, /superuser/],
    ['replication', { replication: true }, /replication/],
    ['a backup', { application: 'pg_dump' }, /backup/],
    ["the bot's own", { application: 'latency-bot:act' }, /bot's own/],
  ])('has no button when it is %s, and says why', (_who, who, why) => {
    const tree = lockReport([{ ...holder, ...who }, lockNode({ pid: 5_000, blockedBy: [4242] })]);
    const found = cause(judge({ ...reports, 'lock-tree': tree }), 'lock-idle-in-tx');
    expect(found).toMatchObject({ status: 'found', mitigations: [] });
    expect(found.advice[0]).toMatch(why);
  });
});

describe('a long-running query', () => {
  const hog = session({
    pid: 77,
    application: 'analytics',
    role: 'analyst',
    queryAgeMs: 42_000,
    averageActive: 3,
  });
  const active = activeReport(
    [
      ['CPU', 'on-cpu', 3, 'analyst'],
      ['CPU', 'on-cpu', 5],
    ],
    [hog],
  );

  test('is found by its share of the database, with a cancel', () => {
    const diagnosis = judge({ ...quiet, 'api-latency': slow(8), 'active-queries': active });
    expect(diagnosis.causes[0]).toMatchObject({
      id: 'long-running-query',
      confidence: 0.9,
      summary: expect.stringMatching(
        /^pid 77 \(analytics\) has been running one statement for 42 s, takes 38 % of the database activity/,
      ),
      mitigations: [{ kind: 'cancel-query', target: { pid: 77 } }],
    });
  });

  test('need not be old yet when it has most of the database through the whole window', () => {
    const young = { ...hog, queryAgeMs: 3_400, averageActive: 9 };
    const busy = (session: typeof hog) => activeReport([['CPU', 'on-cpu', 10, 'analyst']], [session]);
    const found = (session: typeof hog) =>
      cause(
        judge({ ...quiet, 'api-latency': slow(8), 'active-queries': busy(session) }),
        'long-running-query',
      ).status;
    expect(found(young)).toBe('found');
    expect(found({ ...young, averageActive: 3 })).toBe('ruled-out');
    expect(found({ ...young, queryAgeMs: 1_200 })).toBe('ruled-out');
  });

  test('many copies of one statement are one cause', () => {
    const copies = Array.from({ length: 8 }, (_, i) =>
      session({ pid: 80 + i, application: 'gunicorn', queryAgeMs: 9_000 + i, averageActive: 1 }),
    );
    const diagnosis = judge({
      ...quiet,
      'api-latency': slow(9),
      'active-queries': activeReport([['CPU', 'on-cpu', 40]], copies),
    });
    expect(diagnosis.causes[0]).toMatchObject({
      id: 'long-running-query',
      summary: expect.stringContaining(
        '(7 other sessions run the same), takes 20 % of the database activity: ',
      ),
      mitigations: { length: 3 },
    });
  });

  test('a small share is ruled out with its number', () => {
    const small = activeReport([['CPU', 'on-cpu', 30]], [session({ queryAgeMs: 20_000, averageActive: 1 })]);
    const diagnosis = judge({ ...quiet, 'api-latency': slow(30), 'active-queries': small });
    expect(cause(diagnosis, 'long-running-query')).toMatchObject({
      status: 'ruled-out',
      against: { length: 2 },
    });
    expect(diagnosis.verdict).toBe('no-cause-proven');
  });

  test('one that blocks others is found whatever its share', () => {
    const writer = session({ pid: 90, queryAgeMs: 20_000, averageActive: 1 });
    const tree = lockReport([lockNode({ pid: 90 }), lockNode({ pid: 91, blockedBy: [90] })]);
    const diagnosis = judge({
      ...quiet,
      'api-latency': slow(30),
      'active-queries': activeReport([['CPU', 'on-cpu', 30]], [writer]),
      'lock-tree': tree,
    });
    expect(cause(diagnosis, 'long-running-query')).toMatchObject({
      ...{ status: 'found', consequenceOf: 'lock-active-writer', mitigations: [] },
    });
    expect(cause(diagnosis, 'lock-active-writer')).toMatchObject({
      mitigations: [{ kind: 'cancel-query', dryRun: { freed: 1 } }],
    });
  });
});

describe('connection slots', () => {
  test('53300 is proof by itself, and P1', () => {
    const { 'connection-pool': _refused, ...seen } = quiet;
    const diagnosis = judge(
      { ...seen, 'api-latency': latencyReport() },
      { code: 'target-full', reason: 'no free slot' },
    );
    expect(diagnosis.severity).toBe('P1');
    expect(cause(diagnosis, 'connection-exhaustion')).toMatchObject({ status: 'found', confidence: 0.9 });
  });

  test.each([
    [60, 'ruled-out', /62 %/],
    [80, 'ruled-out', /tight/],
    [88, 'found', /91 %/],
  ])('%i of 97 in use: %s', (used, status, summary) => {
    const found = cause(
      judge({ ...quiet, 'api-latency': slow(), 'connection-pool': poolReport(used) }),
      'connection-exhaustion',
    );
    expect(found.status).toBe(status);
    expect(found.summary).toMatch(summary);
  });

  test.each([
    [88, 'ruled-out', /the API does not suffer/],
    [97, 'found', /100 %/],
  ])('%i of 97 in use while nobody complains: %s', (used, status, summary) => {
    const found = cause(
      judge({ ...quiet, 'api-latency': latencyReport(), 'connection-pool': poolReport(used) }),
      'connection-exhaustion',
    );
    expect(found).toMatchObject({ status, summary: expect.stringMatching(summary) });
  });

  test("the application's own role limit exhausts too, another role's does not", () => {
    const limited = (name: string) => ({
      ...poolReport(20),
      limits: [{ kind: 'role' as const, name, limit: 10, used: 10 }],
    });
    const verdict = (name: string) =>
      cause(
        judge({ ...quiet, 'api-latency': latencyReport(), 'connection-pool': limited(name) }),
        'connection-exhaustion',
      ).status;
    expect([verdict('debtflow'), verdict('somebody')]).toEqual(['found', 'ruled-out']);
  });
});

describe('severity', () => {
  test.each([
    ['p95 of 12 s', { p95Ms: 12_000, p95BetweenMs: [10_000, 25_000] as [number, number] }, 'P1'],
    ['6 % errors', { errorRate: 0.06 }, 'P1'],
    ['p95 of 2 s', { p95Ms: 2_000, p95BetweenMs: [1_000, 2_500] as [number, number] }, 'P2'],
    ['2 % errors', { errorRate: 0.02 }, 'P2'],
    ['nothing', {}, 'none'],
  ])('%s: %s', (_what, overall, severity) => {
    expect(judge({ ...quiet, 'api-latency': latencyReport(overall) }).severity).toBe(severity);
  });

  test('a request that hangs for longer than the limit is P1 before it completes', () => {
    const hanging = lockReport([holder, lockNode({ pid: 5_000, blockedBy: [4242], waitMs: 11_000 })]);
    expect(judge({ ...quiet, 'api-latency': latencyReport(), 'lock-tree': hanging })).toMatchObject({
      severity: 'P1',
      severityReason: 'a request has been hanging for 11 s, the limit for P1 is 10 s',
    });
  });
});

const amount = fc.double({ min: 0.01, max: 200, noNaN: true });
const activity = fc.tuple(
  fc.constantFrom('Lock', 'IO', 'CPU', 'LWLock', 'IPC', 'Timeout', 'Client'),
  fc.constantFrom('transactionid', 'DataFileRead', 'WALWrite', 'on-cpu'),
  amount,
  fc.constantFrom('debtflow', 'analyst'),
);
const sessions = fc.array(
  fc
    .record({
      pid: fc.integer({ min: 1, max: 40 }),
      queryAgeMs: fc.nat({ max: 100_000 }),
      averageActive: fc.double({ min: 0, max: 4, noNaN: true }),
      role: fc.constantFrom('debtflow', 'analyst'),
      state: fc.constantFrom('active', 'idle in transaction'),
    })
    .map(session),
  { maxLength: 8 },
);
const tree = fc
  .array(
    fc.record({ blockers: fc.array(fc.nat({ max: 8 }), { maxLength: 2 }), waitMs: fc.nat({ max: 60_000 }) }),
    {
      maxLength: 8,
    },
  )
  .map((rows) =>
    lockReport(
      rows.map(({ blockers, waitMs }, i) => {
        const blockedBy = [...new Set(blockers.filter((pid) => pid > 0 && pid <= i))];
        return lockNode({
          pid: i + 1,
          blockedBy,
          waitMs: blockedBy.length > 0 ? waitMs : null,
          state: blockedBy.length > 0 ? 'active' : 'idle in transaction',
        });
      }),
    ),
  );
const anyReports: fc.Arbitrary<Partial<Reports>> = fc.record(
  {
    'api-latency': fc
      .tuple(fc.nat({ max: 20_000 }), fc.double({ min: 0, max: 300, noNaN: true }))
      .map(([p95Ms, inFlight]) => latencyReport({ p95Ms, p95BetweenMs: null }, inFlight)),
    'active-queries': fc
      .tuple(fc.array(activity, { maxLength: 10 }), sessions)
      .map(([a, s]) => activeReport(a, s)),
    'lock-tree': tree,
    'connection-pool': fc.nat({ max: 97 }).map((used) => poolReport(used)),
  },
  { requiredKeys: [] },
);

describe('whatever the probes report', () => {
  test('the ledger adds up, shares are shares, and the shape holds', () => {
    fc.assert(
      fc.property(anyReports, (reports) => {
        const diagnosis = Diagnosis.parse(judge(reports));
        const { entries, totalInFlight } = diagnosis.ledger;
        expect(entries.reduce((sum, entry) => sum + entry.inFlight, 0)).toBeCloseTo(totalInFlight, 6);
        expect(Math.min(0, ...entries.map(({ inFlight }) => inFlight))).toBe(0);
        expect(new Set(entries.map(({ place }) => place)).size).toBe(entries.length);
        for (const { share } of diagnosis.causes) {
          expect(share ?? 0).toBeGreaterThanOrEqual(0);
          expect(share ?? 0).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  test('the order of the outcomes plays no role', () => {
    fc.assert(
      fc.property(anyReports, fc.nat(), (reports, turn) => {
        const outcomes = outcomesOf(reports);
        const at = turn % outcomes.length;
        const turned = [...outcomes.slice(at), ...outcomes.slice(0, at)].reverse();
        expect(diagnose({ service, outcomes: turned })).toEqual(diagnose({ service, outcomes }));
      }),
    );
  });

  test('a missing probe never proves anything: its causes become could-not-look', () => {
    fc.assert(
      fc.property(
        anyReports,
        fc.constantFrom('active-queries', 'lock-tree', 'connection-pool'),
        (reports, gone) => {
          const less = Object.fromEntries(Object.entries(reports).filter(([id]) => id !== gone));
          const id = {
            'active-queries': 'long-running-query',
            'lock-tree': 'lock-idle-in-tx',
            'connection-pool': 'connection-exhaustion',
          }[gone];
          expect(cause(judge(less), id)).toMatchObject({
            status: 'could-not-look',
            mitigations: [],
            share: null,
          });
        },
      ),
    );
    expect(judge({})).toMatchObject({
      verdict: 'no-cause-proven',
      severity: 'P2',
      ledger: { totalInFlight: 0 },
    });
    const statuses = new Set(
      judge({})
        .causes.slice(1)
        .map(({ status }) => status),
    );
    expect([...statuses]).toEqual(['could-not-look']);
  });

  test('a healthy verdict never comes with a button', () => {
    fc.assert(
      fc.property(anyReports, (reports) => {
        const diagnosis = judge(reports);
        if (diagnosis.verdict === 'cause-found') return;
        expect(diagnosis.causes.flatMap((c) => c.mitigations)).toEqual([]);
      }),
    );
  });
});
