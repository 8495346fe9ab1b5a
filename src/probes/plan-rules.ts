import { z } from 'zod';
import type { StatementShape } from '../targets/statement-shape.ts';
import type { Plan, PlanNode } from './plan.ts';

// The numbers of the rules; "using-explain" in PostgreSQL's manual and the plan checks of PgHero, pgMustard and
// auto_explain practice agree on their order of magnitude, not on digits.
const LARGE_TABLE_ROWS = 10_000;
const SELECTIVE_RATIO = 0.05;
const SORTED_ROWS = 1_000;
const LOOPS = 1_000;
const LOOP_COST_RATIO = 0.3;
const MISESTIMATE = 10;
const MISESTIMATE_ROWS = 100;
const MISESTIMATE_CALLS = 5;
const COLD_RATIO = 0.5;
const COLD_BLOCKS = 1_000;
const STALE_RATIO = 0.2;
/** An index scan costs about random_page_cost (4) and a little CPU for each row that it keeps, and 8 to begin. */
const COST_PER_ROW = 4.5;
const COST_TO_BEGIN = 8;
const WASTE = 10;
const WASTE_COST = 1_000;

/** One thing that is wrong with a plan; its numbers are in the unit that the rule's name implies. */
export const PlanProblem = z.object({
  rule: z.enum([
    'selective-seq-scan',
    'wasted-index-scan',
    'sort-for-limit',
    'sort-spill',
    'loop-bomb',
    'row-misestimate',
    'cold-reads',
    'never-analyzed',
    'stale-statistics',
    'expression-on-column',
    'planner-setting',
  ]),
  schema: z.string().nullable(),
  relation: z.string().nullable(),
  /** Index, column or setting that it is about. */
  name: z.string().nullable(),
  /** What the planner expects, or what there is in all. */
  expected: z.number().nullable(),
  /** What was measured, or how much of it is of use. */
  actual: z.number().nullable(),
});
export type PlanProblem = z.infer<typeof PlanProblem>;

/** What pg_stat_statements counted of the statement within the window; blocks are of 8 kB. */
export interface Measured {
  calls: number;
  rowsPerCall: number;
  blksHitPerCall: number;
  blksReadPerCall: number;
  tempBlksWrittenPerCall: number;
}

/** What the rules know of a table. */
export interface KnownTable {
  schema: string;
  name: string;
  rows: number | null;
  liveRows: number | null;
  analyzedAt: string | null;
  modifiedSinceAnalyze: number | null;
}

interface Looked {
  plan: Plan;
  tables: readonly KnownTable[];
  shape: StatementShape;
  measured: Measured | null;
}

/** What is wrong with a plan that was made without values, the most telling first. */
export function planProblems(looked: Looked): PlanProblem[] {
  return [
    ...scans(looked),
    ...sortsForLimit(looked),
    ...loops(looked),
    ...measuredProblems(looked),
    ...statistics(looked),
    ...expressions(looked),
    ...looked.plan.settings
      .filter(({ name, value }) => name.startsWith('enable_') && value === 'off')
      .map(({ name }) => problem('planner-setting', null, { name })),
  ];
}

function scans({ plan, tables }: Looked): PlanProblem[] {
  return plan.nodes.flatMap((node) => {
    if (node.filter === null) return [];
    const all = rowsOf(tables, node);
    if (node.type === 'Seq Scan' && all !== null && all >= LARGE_TABLE_ROWS) {
      const selective = node.rows / all <= SELECTIVE_RATIO;
      return selective ? [problem('selective-seq-scan', node, { expected: all, actual: node.rows })] : [];
    }
    const isIndexScan = node.type === 'Index Scan' || node.type === 'Bitmap Heap Scan';
    const wasted = node.cost >= WASTE * (COST_TO_BEGIN + COST_PER_ROW * node.rows);
    return isIndexScan && wasted && node.cost >= WASTE_COST
      ? [problem('wasted-index-scan', node, { name: node.index, expected: node.cost, actual: node.rows })]
      : [];
  });
}

/** A sort of much under a LIMIT reads everything to show a page. */
function sortsForLimit({ plan: { nodes } }: Looked): PlanProblem[] {
  return nodes.flatMap((node, at) => {
    const parent = node.parent === null ? undefined : nodes[node.parent];
    if (node.type !== 'Sort' || parent?.type !== 'Limit') return [];
    const input = nodes.find((one) => one.parent === at);
    if (!input || input.rows < SORTED_ROWS) return [];
    const below = nodes.find((one, i) => i > at && one.relation !== null);
    return [problem('sort-for-limit', below ?? node, { expected: input.rows, actual: null })];
  });
}

function loops({ plan: { nodes, cost } }: Looked): PlanProblem[] {
  return nodes.flatMap((node, at) => {
    if (node.type !== 'Nested Loop') return [];
    const outer = nodes.find((one) => one.parent === at && one.relationship === 'Outer');
    const inner = nodes.find((one) => one.parent === at && one.relationship === 'Inner');
    if (!outer || !inner || inner.type === 'Materialize' || inner.type === 'Memoize') return [];
    const heavy = outer.rows >= LOOPS && outer.rows * inner.cost >= LOOP_COST_RATIO * cost;
    const below = nodes.find((one, i) => i >= nodes.indexOf(inner) && one.relation !== null) ?? inner;
    return heavy ? [problem('loop-bomb', below, { expected: outer.rows, actual: null })] : [];
  });
}

function measuredProblems({ plan, measured, shape }: Looked): PlanProblem[] {
  if (!measured) return [];
  const [root] = plan.nodes;
  const found: PlanProblem[] = [];
  // Which node spilled is not counted; the one that holds the most is the likeliest.
  const [sorting] = plan.nodes
    .filter(({ type }) => /Sort|^Hash$|Aggregate|Materialize|CTE Scan/.test(type))
    .toSorted((a, b) => b.rows * b.width - a.rows * a.width);
  if (measured.tempBlksWrittenPerCall >= 1 && sorting) {
    found.push(
      problem('sort-spill', null, { name: sorting.type, actual: measured.tempBlksWrittenPerCall * 8_192 }),
    );
  }
  const { blksHitPerCall: hit, blksReadPerCall: read } = measured;
  if (read >= COLD_BLOCKS && read / (hit + read) >= COLD_RATIO) {
    found.push(problem('cold-reads', null, { expected: hit + read, actual: read }));
  }
  // Without its value a LIMIT is planned as a tenth of the rows, so there the two cannot be compared.
  const comparable = shape.kind === 'select' && root && !plan.nodes.some(({ type }) => type === 'Limit');
  if (comparable && measured.calls >= MISESTIMATE_CALLS) {
    const [few, many] = [root.rows, measured.rowsPerCall].sort((a, b) => a - b) as [number, number];
    if (many >= MISESTIMATE_ROWS && many / Math.max(few, 1) >= MISESTIMATE) {
      found.push(problem('row-misestimate', null, { expected: root.rows, actual: measured.rowsPerCall }));
    }
  }
  return found;
}

function statistics({ plan, tables }: Looked): PlanProblem[] {
  const used = tables.filter((table) => plan.nodes.some((node) => isOf(table, node)));
  return used.flatMap((table) => {
    const { schema, name: relation, rows, liveRows, analyzedAt, modifiedSinceAnalyze: modified } = table;
    const node = { schema, relation };
    if (analyzedAt === null && (rows ?? liveRows ?? 0) + (modified ?? 0) >= 1_000) {
      return [problem('never-analyzed', node, { expected: rows, actual: liveRows })];
    }
    const stale = rows !== null && modified !== null && modified > Math.max(1_000, STALE_RATIO * rows);
    return stale ? [problem('stale-statistics', node, { expected: rows, actual: modified })] : [];
  });
}

/** A function or a cast around a column keeps its plain index from being used. */
function expressions({ plan, shape, tables }: Looked): PlanProblem[] {
  const wrapped = shape.scopes.flatMap((scope) =>
    scope.columns
      .filter(({ use }) => use === 'wrapped')
      .map(({ qualifier, column }) => ({
        column,
        of: scope.tables.filter(({ alias }) => qualifier === null || alias === qualifier),
      })),
  );
  return wrapped.flatMap(({ column, of }) => {
    const node = plan.nodes.find(
      ({ type, relation, filter }) =>
        type === 'Seq Scan' && filter?.includes(column) === true && of.some(({ name }) => name === relation),
    );
    const large = node && (rowsOf(tables, node) ?? 0) >= LARGE_TABLE_ROWS;
    return large ? [problem('expression-on-column', node, { name: column })] : [];
  });
}

const isOf = (table: KnownTable, node: Pick<PlanNode, 'schema' | 'relation'>) =>
  table.name === node.relation && (node.schema === null || table.schema === node.schema);

function rowsOf(tables: readonly KnownTable[], node: PlanNode): number | null {
  const table = tables.find((one) => isOf(one, node));
  return table ? (table.rows ?? table.liveRows) : null;
}

function problem(
  rule: PlanProblem['rule'],
  node: Pick<PlanNode, 'schema' | 'relation'> | null,
  facts: { name?: string | null; expected?: number | null; actual?: number | null },
): PlanProblem {
  const { name = null, expected = null, actual = null } = facts;
  return { rule, schema: node?.schema ?? null, relation: node?.relation ?? null, name, expected, actual };
}
