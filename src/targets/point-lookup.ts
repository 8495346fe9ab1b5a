import { parse } from 'libpg-query';

/** Looks rows of one table up by the value of a column or more: what lazy loading of an ORM sends. */
export interface PointLookup {
  table: string;
  /** Columns that are compared with a value. */
  columns: string[];
}

/** Names that stand in a statement. */
export interface StatementNames {
  tables: string[];
  columns: string[];
}

type Tree = Record<string, unknown>;

/** Anything of these makes it more than a lookup. */
const MORE = ['groupClause', 'havingClause', 'distinctClause', 'withClause', 'windowClause', 'intoClause'];

/**
 * The statement as a lookup by key, by PostgreSQL's own parser; null when it is anything else: joins, functions,
 * aggregates, sub-selects, conditions other than `column = value` and `column is null`.
 */
export async function pointLookup(text: string): Promise<PointLookup | null> {
  const select = childOf(await statementOf(text), 'SelectStmt');
  if (select?.op !== 'SETOP_NONE' || MORE.some((key) => key in select)) return null;
  const from = listOf(select, 'fromClause');
  const table = textOf(childOf(from[0], 'RangeVar')?.relname);
  if (from.length !== 1 || table === undefined) return null;
  for (const node of walk(select)) if ('FuncCall' in node || 'SubLink' in node) return null;
  const conditions = conjuncts(childOf(select, 'whereClause')).map(columnEqual);
  const columns = conditions.flatMap((condition) => condition?.column ?? []);
  return conditions.every((condition) => condition !== null) && columns.length > 0
    ? { table, columns }
    : null;
}

/** Tables and columns that a statement names; empty when it cannot be parsed. */
export async function namesIn(text: string): Promise<StatementNames> {
  const nodes = [...walk(await statementOf(text))];
  return {
    tables: unique(nodes.map((node) => textOf(childOf(node, 'RangeVar')?.relname))),
    columns: unique(nodes.map((node) => columnOf(node))),
  };
}

/** The parser's message quotes literals, so it goes nowhere. */
async function statementOf(text: string): Promise<Tree | undefined> {
  const statements = listOf(await parse(text).catch(() => null), 'stmts');
  return statements.length === 1 ? childOf(statements[0], 'stmt') : undefined;
}

function conjuncts(condition: Tree | undefined): Tree[] {
  if (!condition) return [];
  const both = childOf(condition, 'BoolExpr');
  return both?.boolop === 'AND_EXPR' ? listOf(both, 'args').flatMap(conjuncts) : [condition];
}

/** Null for a condition that is no part of a lookup; without a column for one that only filters further. */
function columnEqual(condition: Tree): { column?: string } | null {
  if (childOf(condition, 'NullTest') || columnOf(condition) !== undefined) return {};
  const expression = childOf(condition, 'A_Expr');
  const operator = textOf(childOf(listOf(expression, 'name')[0], 'String')?.sval);
  if (expression?.kind !== 'AEXPR_OP' || operator !== '=') return null;
  const left = childOf(expression, 'lexpr');
  const right = childOf(expression, 'rexpr');
  const column = isValue(right) ? columnOf(left) : isValue(left) ? columnOf(right) : undefined;
  return column === undefined ? null : { column };
}

function isValue(node: Tree | undefined): boolean {
  const cast = childOf(childOf(node, 'TypeCast'), 'arg');
  return node !== undefined && ('ParamRef' in node || 'A_Const' in node || isValue(cast));
}

function columnOf(node: Tree | undefined): string | undefined {
  const fields = listOf(childOf(node, 'ColumnRef'), 'fields');
  return textOf(childOf(fields.at(-1), 'String')?.sval);
}

function* walk(node: unknown): Generator<Tree> {
  if (Array.isArray(node)) for (const one of node) yield* walk(one);
  else if (isTree(node)) {
    yield node;
    for (const value of Object.values(node)) yield* walk(value);
  }
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function childOf(node: unknown, key: string): Tree | undefined {
  const value = isTree(node) ? node[key] : undefined;
  return isTree(value) ? value : undefined;
}

function listOf(node: unknown, key: string): Tree[] {
  const value = isTree(node) ? node[key] : undefined;
  return Array.isArray(value) ? value.filter(isTree) : [];
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function unique(names: (string | undefined)[]): string[] {
  return [...new Set(names.filter((name) => name !== undefined))];
}
