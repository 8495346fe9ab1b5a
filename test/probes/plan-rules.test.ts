import { expect, test } from 'vitest';
import { readPlan } from '../../src/probes/plan.ts';
import { type KnownTable, type Measured, planProblems } from '../../src/probes/plan-rules.ts';
import { statementShape } from '../../src/targets/statement-shape.ts';

type Node = Record<string, unknown>;
const node = (type: string, rest: Node = {}): Node => ({
  ...{ 'Node Type': type, 'Plan Rows': 1, 'Plan Width': 8, 'Startup Cost': 0, 'Total Cost': 10 },
  ...rest,
});
const scan = (type: string, rest: Node = {}) =>
  node(type, { Schema: 'public', 'Relation Name': 't', ...rest });
const T: KnownTable = {
  ...{ schema: 'public', name: 't', rows: 100_000, liveRows: 100_000 },
  ...{ analyzedAt: '2026-03-01', modifiedSinceAnalyze: 0 },
};
const MEASURED: Measured = {
  ...{ calls: 100, rowsPerCall: 1, blksHitPerCall: 10, blksReadPerCall: 0, tempBlksWrittenPerCall: 0 },
};

interface Given {
  plan: Node;
  text?: string;
  table?: Partial<KnownTable>;
  measured?: Partial<Measured>;
  settings?: Record<string, string>;
}
async function rules({ plan, text = 'select * from t where a = $1', table, measured, settings }: Given) {
  const shape = await statementShape(text);
  if (!shape) throw new Error('not parsed');
  return planProblems({
    plan: readPlan([{ Plan: plan, ...(settings && { Settings: settings }) }]),
    tables: [{ ...T, ...table }],
    shape,
    measured: measured ? { ...MEASURED, ...measured } : null,
  }).map(({ rule }) => rule);
}

const FILTER = { Filter: '(t.a = $1)' };
test.each<[string, Given, string[]]>([
  ['few of many rows', { plan: scan('Seq Scan', FILTER) }, ['selective-seq-scan']],
  ['most of the rows', { plan: scan('Seq Scan', { ...FILTER, 'Plan Rows': 50_000 }) }, []],
  ['a small table', { plan: scan('Seq Scan', FILTER), table: { rows: 500 } }, []],
  ['no filter', { plan: scan('Seq Scan') }, []],
  [
    'an index that keeps little',
    { plan: scan('Index Scan', { ...FILTER, 'Total Cost': 4_390 }) },
    ['wasted-index-scan'],
  ],
  [
    'an index that keeps all',
    { plan: scan('Index Scan', { ...FILTER, 'Total Cost': 4_390, 'Plan Rows': 1_000 }) },
    [],
  ],
  [
    'a page out of a sort of much',
    {
      plan: node('Limit', { Plans: [node('Sort', { Plans: [scan('Index Scan', { 'Plan Rows': 5_000 })] })] }),
    },
    ['sort-for-limit'],
  ],
  [
    'a page out of a sort of little',
    { plan: node('Limit', { Plans: [node('Sort', { Plans: [scan('Index Scan', { 'Plan Rows': 50 })] })] }) },
    [],
  ],
  [
    'a loop over much',
    {
      plan: node('Nested Loop', {
        'Total Cost': 1e6,
        Plans: [
          scan('Seq Scan', { 'Parent Relationship': 'Outer', 'Plan Rows': 5_000 }),
          scan('Index Scan', { 'Parent Relationship': 'Inner', 'Total Cost': 200 }),
        ],
      }),
    },
    ['loop-bomb'],
  ],
  [
    'rows that nobody expected',
    { plan: scan('Index Scan'), measured: { rowsPerCall: 5_000 } },
    ['row-misestimate'],
  ],
  [
    'a page, whose size the planner does not know',
    { plan: node('Limit', { Plans: [scan('Index Scan')] }), measured: { rowsPerCall: 5_000 } },
    [],
  ],
  [
    'a spill',
    { plan: node('Sort', { Plans: [scan('Seq Scan')] }), measured: { tempBlksWrittenPerCall: 400 } },
    ['sort-spill'],
  ],
  ['reads from outside', { plan: scan('Seq Scan'), measured: { blksReadPerCall: 5_000 } }, ['cold-reads']],
  ['no statistics', { plan: scan('Seq Scan'), table: { rows: null, analyzedAt: null } }, ['never-analyzed']],
  [
    'old statistics',
    { plan: scan('Seq Scan'), table: { modifiedSinceAnalyze: 50_000 } },
    ['stale-statistics'],
  ],
  [
    'a function around the column',
    {
      plan: scan('Seq Scan', { 'Plan Rows': 50_000, Filter: '(lower(t.a) = $1)' }),
      text: 'select * from t where lower(a) = $1',
    },
    ['expression-on-column'],
  ],
  [
    'a switched-off scan',
    { plan: scan('Index Scan'), settings: { enable_seqscan: 'off', jit: 'off' } },
    ['planner-setting'],
  ],
])('%s', async (_what, given, expected) => {
  expect(await rules(given)).toEqual(expected);
});

test('a plan keeps no literal, stays small, and has a shape that its costs do not change', () => {
  const secret = scan('Index Scan', {
    'Index Cond': "(t.ssn = '123-45-6789'::text)",
    Filter: '(t.n > 8675309)',
  });
  const plan = readPlan([{ Plan: secret }]);
  expect(plan.nodes[0]).toMatchObject({ condition: '(t.ssn = ?::text)', filter: '(t.n > ?)' });
  expect(readPlan([{ Plan: { ...secret, 'Total Cost': 99, 'Plan Rows': 7 } }]).shape).toBe(plan.shape);
  expect(readPlan([{ Plan: scan('Seq Scan') }]).shape).not.toBe(plan.shape);
  const wide = readPlan([{ Plan: node('Append', { Plans: Array.from({ length: 500 }, () => secret) }) }]);
  expect(wide.nodes).toHaveLength(30);
  expect(wide.nodesLeftOut).toBe(471);
  expect(() => readPlan([{ Planned: 'not' }])).toThrow();
});
