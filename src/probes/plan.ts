import { createHash } from 'node:crypto';
import { z } from 'zod';
import { maskText } from '../targets/mask-text.ts';

const MAX_NODES = 30;
const CONDITION_CHARACTERS = 200;
/** Set by the session that looks, so that they say nothing about the application. */
const OWN_SETTINGS = new Set([
  ...['jit', 'max_parallel_workers_per_gather', 'work_mem', 'search_path', 'plan_cache_mode'],
]);

/** One node of a plan, without anything that could hold a literal. Rows, cost and width are the planner's. */
export const PlanNode = z.object({
  depth: z.int(),
  /** Position of the parent in the list. */
  parent: z.int().nullable(),
  type: z.string(),
  /** Outer, Inner, SubPlan, InitPlan, Member. */
  relationship: z.string().nullable(),
  schema: z.string().nullable(),
  relation: z.string().nullable(),
  index: z.string().nullable(),
  rows: z.number(),
  width: z.number(),
  cost: z.number(),
  startupCost: z.number(),
  /** What an index looks up, masked. */
  condition: z.string().nullable(),
  /** What is thrown away after reading, masked. */
  filter: z.string().nullable(),
});
export type PlanNode = z.infer<typeof PlanNode>;

export const Plan = z.object({
  cost: z.number(),
  rows: z.number(),
  /** Of node types, relations and indexes: equal as long as the plan has the same shape. */
  shape: z.string(),
  /** Parents before their children. */
  nodes: z.array(PlanNode),
  nodesLeftOut: z.int(),
  /** Planner settings that are not the default, such as enable_seqscan; not those of the probe itself. */
  settings: z.array(z.object({ name: z.string(), value: z.string() })),
});
export type Plan = z.infer<typeof Plan>;

// Keys of EXPLAIN (FORMAT JSON): https://www.postgresql.org/docs/current/using-explain.html
const RawNode = z.object({
  'Node Type': z.string(),
  'Parent Relationship': z.string().optional(),
  Schema: z.string().optional(),
  'Relation Name': z.string().optional(),
  'Index Name': z.string().optional(),
  'Plan Rows': z.number(),
  'Plan Width': z.number(),
  'Startup Cost': z.number(),
  'Total Cost': z.number(),
  'Index Cond': z.string().optional(),
  'Recheck Cond': z.string().optional(),
  Filter: z.string().optional(),
  get Plans() {
    return z.array(RawNode).optional();
  },
});
type RawNode = z.infer<typeof RawNode>;
const Explained = z.tuple([
  z.object({ Plan: RawNode, Settings: z.record(z.string(), z.string()).optional() }),
]);

/** Reads the answer of EXPLAIN (VERBOSE, SETTINGS, FORMAT JSON); throws when it is not one. */
export function readPlan(answer: unknown): Plan {
  const [{ Plan: root, Settings: settings = {} }] = Explained.parse(answer);
  const nodes = flatten(root);
  const outline = nodes.map(({ depth, type, schema, relation, index }) => [
    depth,
    type,
    schema,
    relation,
    // The name of an index that is not really there differs every time.
    index?.replace(/^<\d+>/, ''),
  ]);
  return {
    cost: root['Total Cost'],
    rows: root['Plan Rows'],
    shape: createHash('sha256').update(JSON.stringify(outline)).digest('hex').slice(0, 16),
    nodes: nodes.slice(0, MAX_NODES),
    nodesLeftOut: Math.max(0, nodes.length - MAX_NODES),
    settings: Object.entries(settings)
      .filter(([name]) => !OWN_SETTINGS.has(name))
      .slice(0, 10)
      .map(([name, value]) => ({ name, value })),
  };
}

function flatten(root: RawNode): PlanNode[] {
  const nodes: PlanNode[] = [];
  const visit = (node: RawNode, depth: number, parent: number | null): void => {
    const at = nodes.push(summary(node, depth, parent)) - 1;
    for (const child of node.Plans ?? []) visit(child, depth + 1, at);
  };
  visit(root, 0, null);
  return nodes;
}

function summary(node: RawNode, depth: number, parent: number | null): PlanNode {
  return {
    depth,
    parent,
    type: node['Node Type'],
    relationship: node['Parent Relationship'] ?? null,
    schema: node.Schema ?? null,
    relation: node['Relation Name'] ?? null,
    index: node['Index Name'] ?? null,
    rows: node['Plan Rows'],
    width: node['Plan Width'],
    cost: node['Total Cost'],
    startupCost: node['Startup Cost'],
    condition: masked(node['Index Cond'] ?? node['Recheck Cond']),
    filter: masked(node.Filter),
  };
}

function masked(condition: string | undefined): string | null {
  return condition === undefined
    ? null
    : maskText(condition.slice(0, 4 * CONDITION_CHARACTERS)).slice(0, CONDITION_CHARACTERS);
}
