import { describe, expect, test } from 'vitest';
import { candidate, explained, healthyExplainReport, node, problem } from '../../fixtures/reports/explain.ts';
import { cpuBusy, healthyHostReport, process } from '../../fixtures/reports/host.ts';
import { healthyNPlusOneReport, lookup } from '../../fixtures/reports/n-plus-one.ts';
import { healthyPostgresServerReport } from '../../fixtures/reports/postgres-server.ts';
import { healthyTableHealthReport, tableHealth } from '../../fixtures/reports/table-health.ts';
import { healthyTopStatementsReport, statement } from '../../fixtures/reports/top-statements.ts';
import { activeReport, latencyReport, session, slow } from '../../helpers/reports.ts';
import { lockPileUp, verdictOn, well } from './verdicts.ts';

const scan = node({ type: 'Seq Scan', index: null, condition: null, filter: '(account_id = $1)' });
const slowStatement = statement({
  ...{ fingerprint: 'payments', calls: 12, meanMs: 800, averageActive: 3.2, sharedBlksHit: 60_000 },
  earlierMeanMs: 8,
});
const busyDatabase = {
  'active-queries': activeReport([['CPU', 'on-cpu', 4]]),
  'top-statements': healthyTopStatementsReport([
    slowStatement,
    statement(),
    statement({ fingerprint: 'other' }),
  ]),
};
const lacking = explained('payments', { problems: [problem('selective-seq-scan')], index: candidate() }, [
  scan,
]);
const missing = { ...busyDatabase, explain: healthyExplainReport([lacking]) };

describe('a missing index', () => {
  test('is found with the statement, the table, the share and the exact statement that mends it', () => {
    const said = verdictOn('missing-index', missing);
    expect(said).toMatchObject({
      ...{ status: 'found', first: 'missing-index', confidence: 0.9 },
      mitigations: [
        {
          ...{ kind: 'create-index', risk: 'medium' },
          title: 'Build an index on public.payments_payment (account_id)',
          target: { oid: '16400', table: 'payments_payment', name: 'payments_pa_account_123abc_idx' },
        },
      ],
      summary: expect.stringMatching(
        /^An index is missing on payments_payment \(account_id\): a statement takes 800 ms, has 98 % /,
      ),
    });
    expect(said.share).toBeCloseTo((4 * (3.2 / 3.26)) / 6, 1);
    expect(said.advice[0]).toContain(
      'create index concurrently payments_pa_account_123abc_idx on public.payments_payment (account_id);',
    );
    expect(said.advice[1]).toContain("AddIndexConcurrently('payment', models.Index(fields=['account_id']");
  });

  test('is found of statements that never end, by the sessions that run them', () => {
    const running = session({ pid: 9, queryAgeMs: 4_000, averageActive: 4, queryId: 'id:payments' });
    const query = { text: 'SELECT "pay', fingerprint: null, how: 'truncated' as const };
    const said = verdictOn('missing-index', {
      'active-queries': activeReport([['CPU', 'on-cpu', 4]], [{ ...running, query }]),
      'top-statements': healthyTopStatementsReport([]),
      explain: healthyExplainReport([{ ...lacking, source: 'running', runningMs: 4_000 }]),
    });
    expect(said).toMatchObject({ status: 'found', confidence: 0.6 });
    expect(said.summary).toContain('has been running for 4 s');
  });

  test('takes the widest of the indexes that begin alike, and clears away one whose build failed', () => {
    const columns = [...candidate().columns, { name: 'created_at', descending: true }];
    const wide = explained('page', {
      index: candidate({ columns, create: 'create index concurrently wide' }),
    });
    const both = { ...busyDatabase, explain: healthyExplainReport([lacking, wide]) };
    expect(verdictOn('missing-index', both).advice[0]).toContain('create index concurrently wide;');
    const failed = { ...lacking, index: candidate({ status: 'invalid', existing: 'public.half' }) };
    const said = verdictOn('missing-index', { ...missing, explain: healthyExplainReport([failed]) });
    expect(said.advice[0]).toContain('drop index concurrently public.half;');
  });

  test('of a report lets it be cancelled, once it is long; of the API it does not', () => {
    const query = lacking.query;
    const report = session({ pid: 7, role: 'analyst', queryAgeMs: 60_000, averageActive: 4, query });
    const reports = {
      'active-queries': activeReport(
        [
          ['CPU', 'on-cpu', 4, 'analyst'],
          ['CPU', 'on-cpu', 2],
        ],
        [report],
      ),
      explain: healthyExplainReport([lacking]),
    };
    expect(verdictOn('missing-index', reports).mitigations.map(({ kind }) => kind)).toEqual([
      'create-index',
      'cancel-query',
    ]);
    expect(verdictOn('long-running-query', reports)).toMatchObject({ consequenceOf: 'missing-index' });
  });

  test.each(['VACUUM (ANALYZE) payments', ' analyze payments'])('%s is no query to be cancelled', (text) => {
    const query = { ...lacking.query, text, fingerprint: 'v' };
    const vacuum = session({ pid: 9, role: 'admin', queryAgeMs: 60_000, averageActive: 2, query });
    const reports = { 'active-queries': activeReport([['IO', 'DataFileRead', 2, 'admin']], [vacuum]) };
    expect(verdictOn('long-running-query', reports)).toMatchObject({ status: 'ruled-out' });
  });

  test('is ruled out when the index is there, when hypopg sees no gain, when nobody suffers, and behind locks', () => {
    const exists = { ...lacking, index: candidate({ status: 'exists', existing: 'public.there' }) };
    const whatIf = { costBefore: 100, costAfter: 90, used: true, worth: false };
    const useless = { ...lacking, index: candidate({ whatIf }) };
    const locked = { ...missing, ...lockPileUp(6) };
    for (const reports of [
      { ...missing, explain: healthyExplainReport([exists]) },
      { ...missing, explain: healthyExplainReport([useless]) },
      { ...missing, ...well },
      { ...busyDatabase, explain: healthyExplainReport([explained('payments')]) },
      locked,
    ]) {
      expect(verdictOn('missing-index', reports).status).toBe('ruled-out');
    }
    expect(verdictOn('missing-index', locked).first).toBe('lock-idle-in-tx');
  });

  test('cannot be told without the plan', () => {
    const denied = { what: 'SELECT "payments"', reason: 'the role may not read its tables', remedy: null };
    const unseen = healthyExplainReport([], { notSeen: [denied] });
    expect(verdictOn('missing-index', { ...busyDatabase, explain: unseen })).toMatchObject({
      status: 'could-not-look',
      summary: expect.stringContaining('may not read'),
    });
    expect(verdictOn('missing-index', busyDatabase).status).toBe('could-not-look');
  });
});

describe('N+1', () => {
  const repeated = {
    'n-plus-one': healthyNPlusOneReport([lookup()]),
    'top-statements': healthyTopStatementsReport(),
    explain: healthyExplainReport(),
  };

  test('is found with the view, the numbers and the change of the queryset', () => {
    const said = verdictOn('n-plus-one', repeated);
    expect(said).toMatchObject({ status: 'found', first: 'n-plus-one', confidence: 0.9, mitigations: [] });
    expect(said.summary).toMatch(
      /^The view account-list asks accounts_debtor once for every row: 50\.0 lookups/,
    );
    expect(said.share).toBeCloseTo((0.8 * 5.5 + 0.3 * 0.5) / 6);
    expect(said.advice.join()).toContain("select_related('debtor')");
  });

  test('stays first under more traffic than usual', () => {
    const day = { p95Ms: 50, rps: 20, errorRate: 0, source: 'baseline, 9 samples' };
    const more = { ...latencyReport({ ...slow().overall, rps: 80 }, 6), yesterday: day };
    expect(verdictOn('traffic-spike', { ...repeated, 'api-latency': more })).toMatchObject({
      ...{ first: 'n-plus-one', status: 'found', consequenceOf: 'n-plus-one' },
    });
  });

  test('comes after the index that its lookups lack, and not when they are quick', () => {
    const slowLookup = lookup({ meanMs: 80, timeShare: 0.9 });
    const both = { ...missing, 'n-plus-one': healthyNPlusOneReport([slowLookup]) };
    expect(verdictOn('n-plus-one', both)).toMatchObject({
      first: 'missing-index',
      consequenceOf: 'missing-index',
    });
    const quick = { ...missing, 'n-plus-one': healthyNPlusOneReport([lookup()]) };
    expect(verdictOn('n-plus-one', quick).consequenceOf).toBeUndefined();
  });

  test('is ruled out without findings, as usual, and without suffering; unknown without requests', () => {
    const usual = healthyNPlusOneReport([lookup({ normalCallsPerRequest: 38 })]);
    expect(verdictOn('n-plus-one', { 'n-plus-one': usual })).toMatchObject({
      status: 'ruled-out',
      summary: expect.stringContaining('as on every healthy day'),
    });
    expect(verdictOn('n-plus-one', { 'n-plus-one': healthyNPlusOneReport() }).status).toBe('ruled-out');
    expect(verdictOn('n-plus-one', { ...repeated, ...well }).summary).toContain('does not suffer');
    const notSeen = [{ what: 'lookups per request', reason: 'no request completed', remedy: null }];
    const silent = healthyNPlusOneReport([], { notSeen });
    expect(verdictOn('n-plus-one', { 'n-plus-one': silent }).status).toBe('could-not-look');
  });
});

describe('stale statistics and bloat', () => {
  const plan = explained('payments', { problems: [problem('stale-statistics', { actual: 100_000 })] }, [
    scan,
  ]);
  const stale = {
    ...busyDatabase,
    explain: healthyExplainReport([plan]),
    'table-health': healthyTableHealthReport({
      tables: [tableHealth({ modifiedSinceAnalyze: 100_000, findings: ['analyze-due', 'autovacuum-off'] })],
    }),
  };

  test('are found where a busy statement reads a whole table though no index is missing', () => {
    const said = verdictOn('stale-stats-bloat', stale);
    expect(said).toMatchObject({ status: 'found', first: 'stale-stats-bloat', confidence: 0.9 });
    expect(said.summary).toMatch(
      /^The planner works with old statistics of payments_payment \(100000 changes/,
    );
    expect(said.advice[0]).toContain('analyze public.payments_payment;');
    expect(said.advice[1]).toContain('set (autovacuum_enabled = true)');
  });

  test('are not to blame where the index is missing', () => {
    const both = { ...lacking, problems: [...lacking.problems, ...plan.problems] };
    const said = verdictOn('stale-stats-bloat', { ...stale, explain: healthyExplainReport([both]) });
    expect(said).toMatchObject({ status: 'ruled-out', first: 'missing-index' });
  });

  test('bloat is found with what holds the dead rows', () => {
    const table = tableHealth({ deadRows: 150_000, deadRatio: 0.3, findings: ['bloated', 'vacuum-due'] });
    const holder = { kind: 'slot' as const, id: 'old_slot', xminAge: 9e6, ageMs: null, state: 'inactive' };
    const said = verdictOn('stale-stats-bloat', {
      ...busyDatabase,
      explain: healthyExplainReport([explained('payments')]),
      'table-health': healthyTableHealthReport({ tables: [table], holders: [holder] }),
    });
    expect(said.summary).toContain('payments_payment is bloated: 150000 dead rows, 30 %');
    expect(said.advice[0]).toContain('First end replication slot old_slot');
    expect(said.advice[1]).toContain('vacuum (analyze, skip_locked) public.payments_payment;');
  });

  test('are ruled out with fresh statistics, with old ones that hurt nobody, and unknown without plans', () => {
    const healthy = { ...stale, explain: healthyExplainReport() };
    expect(verdictOn('stale-stats-bloat', healthy).summary).toContain('no busy statement is slow for it');
    expect(verdictOn('stale-stats-bloat', { ...stale, ...well }).status).toBe('ruled-out');
    const usual = statement({
      ...slowStatement,
      meanFactor: 1.1,
      normal: { meanMs: 730, callsPerSecond: 4 },
    });
    const asEver = { ...stale, 'top-statements': healthyTopStatementsReport([usual]) };
    expect(verdictOn('stale-stats-bloat', asEver).status).toBe('ruled-out');
    const { explain: _unseen, ...blind } = stale;
    expect(verdictOn('stale-stats-bloat', blind).status).toBe('could-not-look');
  });
});

describe('a plan regression', () => {
  const health = (sinceAnalyzeMs: number) => ({
    'table-health': healthyTableHealthReport({ tables: [tableHealth({ sinceAnalyzeMs })] }),
  });
  const regressed = { ...busyDatabase, explain: healthyExplainReport([explained('payments', {}, [scan])]) };

  test('is found when one statement is far slower than usual and its table was analysed just now', () => {
    const said = verdictOn('plan-regression', { ...regressed, ...health(600_000) });
    expect(said).toMatchObject({ status: 'found', first: 'plan-regression', confidence: 0.6 });
    expect(said.summary).toContain(
      '100.0 times slower than usual (800 ms), and payments_payment was analysed 10 min ago',
    );
  });

  test('cannot be told when nothing has changed around it', () => {
    expect(verdictOn('plan-regression', { ...regressed, ...health(9e8) }).status).toBe('could-not-look');
  });

  test('cannot be told beside something that takes the CPU from every statement', () => {
    const hogs = Array.from({ length: 9 }, (_, pid) => process('render-letters', 0.2, { pid }));
    const host = healthyHostReport({ cpu: cpuBusy(0.99), topProcesses: [...hogs, process('postgres', 0.2)] });
    const hogged = { ...regressed, ...health(600_000), host };
    expect(verdictOn('plan-regression', hogged).status).toBe('could-not-look');
    const own = healthyHostReport({ cpu: cpuBusy(0.99), topProcesses: [process('postgres', 1.9)] });
    expect(verdictOn('plan-regression', { ...hogged, host: own }).status).toBe('found');
  });

  test('is ruled out when all are slower alike, when an index is missing, and when nobody suffers', () => {
    const all = ['a', 'b', 'c'].map((fingerprint) =>
      statement({ fingerprint, meanMs: 60, earlierMeanMs: 1 }),
    );
    const loaded = { 'top-statements': healthyTopStatementsReport([slowStatement, ...all]) };
    for (const reports of [{ ...regressed, ...loaded }, missing, { ...regressed, ...well }]) {
      expect(verdictOn('plan-regression', { ...reports, ...health(600_000) }).status).toBe('ruled-out');
    }
  });
});

describe('sorts on disk', () => {
  const query = { text: 'SELECT sorted', fingerprint: 'sort', how: 'parsed' as const };
  const sorting = statement({
    ...{
      fingerprint: 'sort',
      role: 'analyst',
      isApplication: false,
      calls: 2,
      meanMs: 2_800,
      averageActive: 6,
    },
    ...{ tempBlksWritten: 11_000, query },
  });
  const spill = {
    'active-queries': activeReport(
      [
        ['CPU', 'on-cpu', 6, 'analyst'],
        ['IO', 'BuffileWrite', 1, 'analyst'],
        ['CPU', 'on-cpu', 3],
      ],
      [session({ pid: 77, role: 'analyst', queryAgeMs: 2_000, query })],
    ),
    'top-statements': healthyTopStatementsReport([sorting, statement()]),
    'postgres-server': healthyPostgresServerReport({ database: { tempBytes: 90_000_000 } }),
  };

  test('are found with who sorts and how much', () => {
    const said = verdictOn('sort-spill', spill);
    expect(said).toMatchObject({ status: 'found', first: 'sort-spill', confidence: 0.9 });
    expect(said.summary).toMatch(/^Sorts do not fit into memory by analyst: 29 MB a second/);
    expect(said.advice.join()).toContain("alter role analyst set work_mem = '64MB'");
  });

  test('are found by the files of a statement that has been running since before the window', () => {
    const running = {
      ...spill,
      'active-queries': activeReport(
        [
          ['IO', 'BuffileWrite', 6, 'analyst'],
          ['CPU', 'on-cpu', 3],
        ],
        [session({ pid: 77, role: 'analyst', queryAgeMs: 60_000, query })],
      ),
      'top-statements': healthyTopStatementsReport([statement()]),
      'postgres-server': {
        ...healthyPostgresServerReport(),
        temporaryFiles: [{ pid: 77, files: 2, bytes: 300_000_000, grownBytes: 120_000_000 }],
      },
    };
    const said = verdictOn('sort-spill', running);
    expect(said).toMatchObject({ status: 'found', first: 'sort-spill' });
    expect(said.summary).toMatch(/^Sorts do not fit into memory by analyst: 38 MB a second/);
    const idle = {
      ...running['postgres-server'],
      temporaryFiles: [{ pid: 77, files: 2, bytes: 3e8, grownBytes: 0 }],
    };
    const calm = { 'active-queries': activeReport([['CPU', 'on-cpu', 3]]) };
    expect(verdictOn('sort-spill', { ...running, ...calm, 'postgres-server': idle }).status).toBe(
      'ruled-out',
    );
  });

  test('are ruled out when little is spilled, when nobody suffers, and beside a lock pile-up; else unknown', () => {
    const little = { ...spill, 'top-statements': healthyTopStatementsReport() };
    const calm = { ...little, 'active-queries': activeReport([['CPU', 'on-cpu', 3]]) };
    const quiet = { ...calm, 'postgres-server': healthyPostgresServerReport() };
    expect(verdictOn('sort-spill', quiet).summary).toBe('0 bytes a second go to temporary files');
    expect(verdictOn('sort-spill', { ...spill, ...well }).status).toBe('ruled-out');
    expect(verdictOn('sort-spill', { ...spill, ...lockPileUp(6) }).status).toBe('ruled-out');
    expect(verdictOn('sort-spill', {}).status).toBe('could-not-look');
  });
});

describe('a traffic spike', () => {
  const day = { p95Ms: 50, rps: 40, errorRate: 0, source: 'baseline, 9 samples' };
  const rate = (rps: number, overrides = {}) => ({
    'api-latency': {
      ...latencyReport({ ...slow().overall, rps }, 6),
      lastWeek: day,
      normal: day,
      ...overrides,
    },
  });
  const calling = (callsPerSecond: number) => ({
    'top-statements': healthyTopStatementsReport([
      statement({ callsPerSecond, normal: { meanMs: 1, callsPerSecond: 100 } }),
    ]),
  });

  test('is found when each request does what it always did', () => {
    const said = verdictOn('traffic-spike', { ...rate(120), ...calling(300) });
    expect(said).toMatchObject({ status: 'found', first: 'traffic-spike', confidence: 0.9 });
    expect(said.summary).toContain('120.0 requests a second, 3 times as many as at this time last week');
    expect(said.share).toBeCloseTo(2 / 3);
    expect(verdictOn('traffic-spike', rate(120)).confidence).toBe(0.6);
  });

  test('is ruled out at the usual rate, when each does more, and when nobody suffers', () => {
    expect(verdictOn('traffic-spike', rate(44)).status).toBe('ruled-out');
    expect(verdictOn('traffic-spike', { ...rate(120), ...calling(900) }).summary).toContain(
      '3 times as many statements',
    );
    const quick = { 'api-latency': { ...latencyReport({ rps: 120 }), yesterday: day } };
    expect(verdictOn('traffic-spike', quick).status).toBe('ruled-out');
  });

  test('cannot be told without other days', () => {
    const none = { lastWeek: null, normal: null, noYesterday: 'there is no baseline' };
    expect(verdictOn('traffic-spike', rate(120, none))).toMatchObject({
      status: 'could-not-look',
      summary: expect.stringContaining('there is no baseline'),
    });
  });
});

test('a download over a slow line is no long-running query, whatever else is wrong', () => {
  const download = { waitEventType: 'Client', waitEvent: 'ClientWrite', role: 'analyst', queryAgeMs: 9e6 };
  const active = activeReport([['Client', 'ClientWrite', 1, 'analyst']], [session(download)]);
  expect(verdictOn('long-running-query', { 'active-queries': active }).status).toBe('ruled-out');
});
