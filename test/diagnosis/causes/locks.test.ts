import { describe, expect, test } from 'vitest';
import type { Reports } from '../../../src/probes/index.ts';
import type { LockNode } from '../../../src/probes/lock-tree.ts';
import {
  activeReport,
  latencyReport,
  lockNode,
  lockReport,
  poolReport,
  session,
} from '../../helpers/reports.ts';
import { lockPileUp, offeredFor, verdictOn, well } from './verdicts.ts';

type Tree = Reports['lock-tree'];

const waiters = (n: number, under: number, overrides: Partial<LockNode> = {}) =>
  Array.from({ length: n }, (_, i) => lockNode({ pid: 500 + i, blockedBy: [under], ...overrides }));

/** A session that works in its transaction, and requests that wait for its locks. */
function writer(overrides: Partial<LockNode> = {}, change: Partial<Tree['roots'][number]> = {}) {
  const query = { text: 'SELECT count(*) FROM notes', fingerprint: 'n', how: 'parsed' as const };
  const root = lockNode({
    ...{ pid: 42, application: 'month_end', role: 'admin', xactAgeMs: 40_000, queryAgeMs: 39_000, query },
    ...overrides,
  });
  const tree = lockReport([root, ...waiters(6, 42)]);
  return {
    'active-queries': activeReport([
      ['Lock', 'transactionid', 6],
      ['CPU', 'on-cpu', 1, 'admin'],
    ]),
    'lock-tree': { ...tree, roots: tree.roots.map((one) => ({ ...one, ...change })) },
  } satisfies Partial<Reports>;
}

/** A reader that forgot its transaction, a migration that waits for it, and requests that wait for the migration. */
function migration(readers: LockNode[] = [], wait = 4_000) {
  const ddl = { text: 'ALTER TABLE accounts_account ALTER COLUMN x DROP NOT NULL', fingerprint: 'd' };
  const tree = lockReport([
    lockNode({
      pid: 1,
      application: 'psql',
      role: 'admin',
      state: 'idle in transaction',
      stateAgeMs: 60_000,
    }),
    lockNode({
      ...{ pid: 2, application: 'migrate', role: 'migrator', blockedBy: [1], lockType: 'relation' },
      ...{ mode: 'AccessExclusiveLock', waitMs: wait, query: { ...ddl, how: 'parsed' } },
    }),
    ...waiters(6, 2, { lockType: 'relation', mode: 'AccessShareLock', waitMs: wait }),
    ...readers,
  ]);
  return {
    'active-queries': activeReport([['Lock', 'relation', 7]]),
    'lock-tree': { ...tree, queueHeads: [{ pid: 2, drain: 6 }] },
  } satisfies Partial<Reports>;
}

/** Requests that wait for a transaction without a session. */
function prepared(ageMs: number, gid = 'tx1') {
  const tree = lockReport(waiters(4, 0, { waitsForXid: '777' }));
  const { roots } = tree;
  return {
    'active-queries': activeReport([['Lock', 'transactionid', 4]]),
    'lock-tree': {
      ...tree,
      roots: roots.map((root) => ({ ...root, class: 'prepared-transaction' as const, held: [] })),
      prepared: [
        { gid: 'another', xid: '700', role: 'sync', ageMs: 9_000_000 },
        { gid, xid: '777', role: 'transfer', ageMs },
      ],
    },
  } satisfies Partial<Reports>;
}

describe('a busy transaction that holds locks', () => {
  test('is named with its age, waiters and table, and its statement may be cancelled', () => {
    expect(offeredFor('lock-active-writer', writer())).toMatchObject({
      ...{ status: 'found', first: 'lock-active-writer', confidence: 0.9 },
      summary: expect.stringMatching(
        /^pid 42 \(month_end\) is busy in a transaction since 40 s and 6 sessions wait for its locks on accounts_account: \d+ % of request time\.$/,
      ),
      mitigations: [{ kind: 'cancel-query', target: { pid: 42 }, dryRun: { freed: 6 } }],
    });
  });

  test('comes before the long query that it runs meanwhile', () => {
    const scene = writer();
    const long = session({ pid: 42, role: 'admin', queryAgeMs: 39_000, averageActive: 1 });
    const active = { ...scene['active-queries'], sessions: [long] };
    const said = verdictOn('long-running-query', { ...scene, 'active-queries': active });
    expect(said).toMatchObject({ first: 'lock-active-writer', status: 'found' });
    expect(said.consequenceOf).toBe('lock-active-writer');
  });

  test('is not offered while it is only the present one of many short ones', () => {
    const said = offeredFor('lock-active-writer', writer({ xactAgeMs: 80, queryAgeMs: 60 }));
    expect(said).toMatchObject({ status: 'found', mitigations: [] });
    expect(said.summary).toMatch(/^Short transactions queue for the same rows on accounts_account/);
  });

  test('that changes a table is not cancelled without a look at how far it is', () => {
    const said = offeredFor('lock-active-writer', writer({}, { class: 'running-ddl' }));
    expect(said.summary).toContain('changes a table since 40 s');
    expect(said.advice[0]).toContain('pg_stat_progress_create_index');
  });

  test.each([
    ['nobody waits', {}, 'no session waits for a lock'],
    ['the holder is idle', lockPileUp(4), 'but no request for one that a busy session holds'],
    ['the holder is a vacuum', writer({}, { class: 'autovacuum' }), 'no request for one that a busy'],
    ['the API does not suffer', { ...writerForMoment(), ...well }, 'but the API does not suffer'],
  ])('is ruled out when %s', (_why, reports, words) => {
    const said = verdictOn('lock-active-writer', reports);
    expect(said).toMatchObject({ status: 'ruled-out', mitigations: [] });
    expect(said.summary).toContain(words);
  });
});

/** Requests that wait all the time, each of them for a moment. */
function writerForMoment(): Partial<Reports> {
  const scene = writer();
  const nodes = scene['lock-tree'].nodes.map((node) =>
    node.blockedBy.length > 0 ? { ...node, waitMs: 200 } : node,
  );
  return { ...scene, 'lock-tree': { ...scene['lock-tree'], nodes } };
}

describe('a schema change that waits', () => {
  test('is what the requests wait for, and what may be cancelled; the reader before it is named', () => {
    const said = offeredFor('lock-queue-ddl', migration());
    expect(said).toMatchObject({
      ...{ status: 'found', first: 'lock-queue-ddl', confidence: 0.9 },
      summary: expect.stringMatching(
        /^A schema change, pid 2 \(migrate\), has been waiting for 4 s for its lock on accounts_account, and 6 sessions wait behind it: \d+ % of request time\.$/,
      ),
      mitigations: [{ kind: 'cancel-query', target: { pid: 2 } }],
    });
    expect(said.mitigations).toHaveLength(1);
    expect(said.evidence.map(({ text }) => text).join()).toContain(
      'it waits for pid 1 (psql), idle in transaction',
    );
    expect(said.advice.join()).toContain("set local lock_timeout = '3s'; ALTER TABLE accounts_account");
  });

  test('clears the idle reader, whose locks disturb nobody', () => {
    const said = offeredFor('lock-idle-in-tx', migration());
    expect(said).toMatchObject({ status: 'ruled-out', mitigations: [] });
    expect(said.summary).toBe(
      '7 sessions wait for a lock, 6 of them are requests behind a schema change that waits',
    );
  });

  test('shares the blame with an idle transaction that others wait for by themselves', () => {
    const scene = migration([1, 2, 3].map((i) => lockNode({ pid: 600 + i, blockedBy: [1] })));
    const [idle, ddl] = ['lock-idle-in-tx', 'lock-queue-ddl'].map((id) => verdictOn(id, scene));
    expect([idle?.status, ddl?.status]).toEqual(['found', 'found']);
    expect(ddl?.share).toBeCloseTo(2 * (idle?.share ?? 0), 6);
    expect((idle?.share ?? 0) + (ddl?.share ?? 0)).toBeLessThanOrEqual(1);
  });

  test.each([
    ['nobody waits behind it', { 'lock-tree': onlyDdl() }, /no request behind it/],
    ['it has just come', migration([], 300), /for 300 ms only/],
    ['an idle transaction holds the rows', lockPileUp(4), /no schema change waits/],
    ['there are no waits', {}, /no schema change waits/],
  ])('is ruled out when %s', (_why, reports, words) => {
    const said = verdictOn('lock-queue-ddl', { ...reports, ...quietActivity });
    expect(said.status).toBe('ruled-out');
    expect(said.summary).toMatch(words);
  });
});

const quietActivity: Partial<Reports> = { 'active-queries': activeReport([['CPU', 'on-cpu', 0.5]]) };

function onlyDdl(): Tree {
  const tree = migration()['lock-tree'];
  return { ...tree, nodes: tree.nodes.map((node) => (node.pid >= 500 ? { ...node, role: 'celery' } : node)) };
}

describe('a prepared transaction', () => {
  test('is named with the statement that ends it, for a person', () => {
    const said = offeredFor('prepared-tx-orphan', prepared(7_200_000, "o'brien\\1"));
    expect(said).toMatchObject({ status: 'found', first: 'prepared-tx-orphan', mitigations: [] });
    expect(said.summary).toMatch(
      /was left behind 2 h ago, and 4 requests wait for its locks on accounts_account/,
    );
    expect(said.advice[0]).toBe(
      "When its other half was not committed, in the database debtflow as transfer or a superuser: ROLLBACK PREPARED E'o''brien\\\\1';",
    );
    expect(said.advice.join()).not.toContain('another');
  });

  test.each([
    ['it is young', prepared(3_000), 'a two-phase commit is under way'],
    ['a session holds the locks', lockPileUp(4), 'no request waits for a prepared transaction'],
  ])('is ruled out when %s', (_why, reports, words) => {
    const said = verdictOn('prepared-tx-orphan', reports);
    expect(said.status).toBe('ruled-out');
    expect(said.summary).toContain(words);
  });
});

test.each([
  'lock-idle-in-tx',
  'lock-active-writer',
  'lock-queue-ddl',
  'prepared-tx-orphan',
  'celery-contention',
])('%s could not look without the lock tree', (id) => {
  const failure = {
    code: 'permission-denied',
    reason: 'pg_monitor is missing',
    probeId: 'lock-tree' as const,
  };
  const { 'lock-tree': _unseen, ...seen } = writer();
  const said = verdictOn(id, { ...seen, 'lock-tree': undefined as never }, failure);
  expect(said).toMatchObject({ status: 'could-not-look', mitigations: [] });
  expect(said.summary).toContain('pg_monitor is missing');
});

describe('connection slots', () => {
  const leak = (application: string): Partial<Reports> => ({
    'connection-pool': {
      ...poolReport(95, { idle: 80, active: 15 }),
      groups: [
        {
          ...{ database: 'debtflow', role: 'debtflow_celery', application, client: '10.0.0.9' },
          ...{ state: 'idle', count: 80, oldestInStateMs: 900_000, oldestXactMs: null },
        },
      ],
    },
  });

  test('that one client sits on come with the exact statement for its old idle sessions, and its address is not told', () => {
    const said = offeredFor('connection-exhaustion', leak("worker's"));
    expect(said).toMatchObject({ status: 'found', first: 'connection-exhaustion', mitigations: [] });
    const advice = said.advice.join('\n');
    expect(advice).toContain("where application_name = 'worker''s' and usename = 'debtflow_celery'");
    expect(advice).toContain("state = 'idle' and state_change < clock_timestamp() - interval '300 seconds'");
    expect(JSON.stringify(said)).not.toContain('10.0.0.9');
  });

  test.each([
    ['lock-queue-ddl', migration()],
    ['lock-active-writer', writer()],
    ['prepared-tx-orphan', prepared(7_200_000)],
  ])('that are full because of %s are its consequence', (cause, reports) => {
    const full = { 'connection-pool': poolReport(92, { active: 90, idle: 2 }) };
    expect(verdictOn('connection-exhaustion', { ...reports, ...full })).toMatchObject({
      ...{ status: 'found', consequenceOf: cause, first: cause },
    });
  });

  describe('of sessions that are not requests, but wait for an idle transaction', () => {
    const foreign = (n: number) => {
      const holder = lockNode({
        pid: 42,
        state: 'idle in transaction',
        stateAgeMs: 60_000,
        xactAgeMs: 60_000,
      });
      return {
        'active-queries': activeReport([['CPU', 'on-cpu', 0.5]]),
        'api-latency': latencyReport({ p95Ms: 900, errorRate: 0.6 }, 6),
        'lock-tree': lockReport([holder, ...waiters(n, 42, { role: 'batch', application: 'import' })]),
        'connection-pool': poolReport(95, { active: 93, idle: 2 }),
      };
    };

    test('are its consequence when they are most of the slots: requests do not even get one', () => {
      const said = verdictOn('lock-idle-in-tx', foreign(80));
      expect(said).toMatchObject({ status: 'found', share: 0.6, first: 'lock-idle-in-tx' });
      expect(verdictOn('connection-exhaustion', foreign(80))).toMatchObject({
        consequenceOf: 'lock-idle-in-tx',
      });
    });

    test('are not when they are a few among many', () => {
      expect(verdictOn('lock-idle-in-tx', foreign(10))).toMatchObject({ status: 'ruled-out' });
    });
  });
});
