import { parse } from 'libpg-query';

/** How a statement uses a column in its conditions. `wrapped`: inside a function or a cast, where no plain index helps. */
export type ColumnUse = 'equal' | 'in' | 'range' | 'join' | 'wrapped';

export interface TableName {
  schema: string | null;
  name: string;
}

/** One SELECT, UPDATE or DELETE level of a statement: its tables, what it compares, and its order. */
export interface Scope {
  tables: (TableName & { alias: string })[];
  columns: { qualifier: string | null; column: string; use: ColumnUse }[];
  /** Null when it sorts by something that is not a column. */
  order: { qualifier: string | null; column: string; descending: boolean }[] | null;
  limited: boolean;
}

export interface StatementShape {
  kind: 'select' | 'insert' | 'update' | 'delete';
  /** Tables of the whole statement, without the names of its CTEs. */
  tables: TableName[];
  scopes: Scope[];
  /** Highest $n. */
  parameters: number;
  /** Changes rows or locks them, also in a part of it: that takes more than SELECT. */
  writes: boolean;
}

type Tree = Record<string, unknown>;
const KINDS = {
  SelectStmt: 'select',
  InsertStmt: 'insert',
  UpdateStmt: 'update',
  DeleteStmt: 'delete',
} as const;
const WRITING = ['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt', 'lockingClause'];
const RANGE = new Set(['<', '>', '<=', '>=']);

/**
 * What a text is, by PostgreSQL's own parser; null unless it is exactly one SELECT, INSERT, UPDATE or DELETE that makes no
 * table. The parser's message quotes literals, so it goes nowhere.
 */
export async function statementShape(text: string): Promise<StatementShape | null> {
  const parsed = await parse(text).catch(() => null);
  const statements = listOf(parsed, 'stmts');
  const statement = childOf(statements[0], 'stmt');
  const found = (Object.keys(KINDS) as (keyof typeof KINDS)[]).find((key) => statement?.[key]);
  if (statements.length !== 1 || !statement || !found) return null;
  const nodes = [...walk(statement)];
  if (nodes.some((node) => 'intoClause' in node)) return null;
  const ctes = new Set(nodes.flatMap((node) => textOf(childOf(node, 'CommonTableExpr')?.ctename) ?? []));
  const tables = nodes.flatMap(tableOf).filter(({ schema, name }) => schema !== null || !ctes.has(name));
  return {
    kind: KINDS[found],
    tables: tables
      .filter(
        (one, i) => tables.findIndex((other) => other.schema === one.schema && other.name === one.name) === i,
      )
      .map(({ schema, name }) => ({ schema, name })),
    scopes: nodes.flatMap(levelsOf).map(scopeOf),
    parameters: Math.max(0, ...nodes.map((node) => Number(childOf(node, 'ParamRef')?.number ?? 0))),
    writes: nodes.some((node) => WRITING.some((key) => key in node)),
  };
}

/** The two sides of a UNION stand bare in the tree, without the key that names them. */
function levelsOf(node: Tree): Tree[] {
  const keys = [...Object.keys(KINDS), 'larg', 'rarg'];
  return keys.flatMap((key) => {
    const level = childOf(node, key);
    return level && (key in KINDS || 'op' in level) ? [level] : [];
  });
}

function scopeOf(statement: Tree): Scope {
  const from = [...listOf(statement, 'fromClause'), ...listOf(statement, 'usingClause')];
  const target = childOf(statement, 'relation');
  const joins = from.flatMap((item) => [...walk(item, 'SelectStmt')]);
  const conditions = [
    childOf(statement, 'whereClause'),
    ...joins.map((node) => childOf(childOf(node, 'JoinExpr'), 'quals')),
  ].flatMap(conjuncts);
  const tables = [...(target ? tableOf({ RangeVar: target }) : []), ...joins.flatMap(tableOf)];
  const inner = new Set(tables.map(({ alias }) => alias));
  return {
    tables,
    columns: conditions.flatMap((condition) => usesOf(condition, inner)),
    order: orderOf(listOf(statement, 'sortClause')),
    limited: childOf(statement, 'limitCount') !== undefined,
  };
}

/** The parts of a condition that must all hold; what stands under OR helps no single index. */
function conjuncts(condition: Tree | undefined): Tree[] {
  if (!condition) return [];
  const both = childOf(condition, 'BoolExpr');
  return both?.boolop === 'AND_EXPR' ? listOf(both, 'args').flatMap(conjuncts) : [condition];
}

/** `inner`: the aliases of this level; a column of another one is, while this level runs, a value like any other. */
function usesOf(condition: Tree, inner: ReadonlySet<string>): Scope['columns'] {
  const test = childOf(condition, 'NullTest');
  if (test?.nulltesttype === 'IS_NULL') return named(childOf(test, 'arg'), 'equal');
  const expression = childOf(condition, 'A_Expr');
  if (!expression) return named(condition, 'equal'); // a boolean column by itself
  const operator = textOf(childOf(listOf(expression, 'name')[0], 'String')?.sval) ?? '';
  const use = comparison(String(expression.kind), operator);
  const left = childOf(expression, 'lexpr');
  const right = expression.rexpr;
  if (use === null || !left) return [];
  const [leftColumn] = columnsIn(left);
  const [rightColumn] = columnsIn(right);
  if (leftColumn && rightColumn) {
    const isOuter = ({ qualifier }: { qualifier: string | null }) =>
      qualifier !== null && !inner.has(qualifier);
    if (use === 'equal' && isOuter(rightColumn)) return named(left, 'equal');
    if (use === 'equal' && isOuter(leftColumn)) return named(right as Tree, 'equal');
    return use === 'equal' ? [...named(left, 'join'), ...named(right as Tree, 'join')] : [];
  }
  const side = leftColumn ? left : (right as Tree);
  if (!leftColumn && !rightColumn) return [];
  const plain = named(side, use);
  return plain.length > 0 ? plain : columnsIn(side).map((column) => ({ ...column, use: 'wrapped' as const }));
}

function comparison(kind: string, operator: string): ColumnUse | null {
  if (kind === 'AEXPR_BETWEEN') return 'range';
  if (kind === 'AEXPR_OP_ANY' || kind === 'AEXPR_IN') return operator === '=' ? 'in' : null;
  if (kind !== 'AEXPR_OP') return null;
  return operator === '=' ? 'equal' : RANGE.has(operator) ? 'range' : null;
}

function named(node: Tree | undefined, use: ColumnUse): Scope['columns'] {
  const column = columnOf(childOf(node, 'ColumnRef'));
  return column ? [{ ...column, use }] : [];
}

function columnsIn(node: unknown): { qualifier: string | null; column: string }[] {
  return [...walk(node, 'SubLink')].flatMap((one) => columnOf(childOf(one, 'ColumnRef')) ?? []);
}

function columnOf(reference: Tree | undefined): { qualifier: string | null; column: string } | null {
  const names = listOf(reference, 'fields').map((field) => textOf(childOf(field, 'String')?.sval));
  const column = names.at(-1);
  return column === undefined ? null : { qualifier: names.at(-2) ?? null, column };
}

function orderOf(clause: Tree[]): Scope['order'] {
  const items = clause.map((item) => {
    const sort = childOf(item, 'SortBy');
    const column = columnOf(childOf(childOf(sort, 'node'), 'ColumnRef'));
    return column && { ...column, descending: sort?.sortby_dir === 'SORTBY_DESC' };
  });
  return items.every((item) => item !== null && item !== undefined) ? items : null;
}

function tableOf(node: Tree): Scope['tables'] {
  const range = childOf(node, 'RangeVar') ?? childOf(node, 'relation');
  const name = textOf(range?.relname);
  if (!range || name === undefined) return [];
  const alias = textOf(childOf(range, 'alias')?.aliasname) ?? name;
  return [{ schema: textOf(range.schemaname) ?? null, name, alias }];
}

/** Every object of a tree; does not look into nodes of the type `except`. */
function* walk(node: unknown, except?: string): Generator<Tree> {
  if (Array.isArray(node)) {
    for (const one of node) yield* walk(one, except);
  } else if (isTree(node)) {
    yield node;
    for (const [key, value] of Object.entries(node)) if (key !== except) yield* walk(value, except);
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
