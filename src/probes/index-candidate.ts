import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { ColumnUse, Scope, StatementShape } from '../targets/statement-shape.ts';
import type { CatalogColumn, CatalogIndex, CatalogTable } from './table-catalog.ts';

const MAX_KEY_COLUMNS = 4;
/** Above this a table has enough indexes for every write to feel another one. */
const MANY_INDEXES = 10;
/** Header of an index tuple and its line pointer; pages are filled to 90 % (PostgreSQL manual, "B-Tree Indexes"). */
const TUPLE_BYTES = 12;
const FILL = 0.9;

/** An index that would serve a statement; nothing makes it before somebody does. */
export const IndexCandidate = z.object({
  schema: z.string(),
  table: z.string(),
  /** Null where no index can be built concurrently: on a partitioned or foreign table, or a view. */
  tableOid: z.string().nullable().default(null),
  columns: z.array(z.object({ name: z.string(), descending: z.boolean() })),
  name: z.string(),
  /** The exact statements, quoted, for a session outside of a transaction. */
  create: z.string(),
  undo: z.string(),
  tableRows: z.number().nullable(),
  tableBytes: z.number(),
  estimatedBytes: z.number().nullable(),
  /** From hypopg, or from the widths of the columns. */
  sizeFrom: z.enum(['hypopg', 'widths']),
  indexesOnTable: z.int(),
  tooManyIndexes: z.boolean(),
  /** Existing indexes whose columns are the first ones of this: it could replace them. */
  replaces: z.array(z.string()),
  /** exists: a valid index does the same. invalid: one of these columns is there, but its build never finished. */
  status: z.enum(['new', 'exists', 'invalid', 'being-built']),
  existing: z.string().nullable(),
  /** Costs of the plan without and with it, by hypopg; null where that was not tried. */
  whatIf: z
    .object({ costBefore: z.number(), costAfter: z.number(), used: z.boolean(), worth: z.boolean() })
    .nullable(),
});
export type IndexCandidate = z.infer<typeof IndexCandidate>;

interface Key {
  column: CatalogColumn;
  descending: boolean;
  /** Equal columns may stand in any order; the order of the others is what they are there for. */
  use: 'equal' | 'sort' | 'other';
}

/** The index that would serve a statement's conditions on one table; null when they name nothing to index. */
export function indexCandidate(shape: StatementShape, table: CatalogTable): IndexCandidate | null {
  const keys = shape.scopes.map((scope) => keysOf(scope, table)).find((found) => found.length > 0);
  if (!keys) return null;
  const key = (descending: (one: Key) => boolean) =>
    keys.map((one) => `${one.column.quoted}${descending(one) ? ' desc' : ''}`).join(', ');
  const name = indexName(
    table,
    keys.map((one) => one.column.name),
  );
  const { existing, status } = findExisting(keys, table.indexes);
  const width = keys.reduce((sum, one) => sum + one.column.width, 0);
  return {
    schema: table.schema,
    table: table.name,
    tableOid: table.buildable ? table.oid : null,
    columns: keys.map(({ column, descending }) => ({ name: column.name, descending })),
    name,
    create: `create index concurrently ${name} on ${table.quotedSchema}.${table.quotedName} (${key(({ descending }) => descending)})`,
    undo: `drop index concurrently ${table.quotedSchema}.${name}`,
    tableRows: table.rows,
    tableBytes: table.bytes,
    estimatedBytes:
      table.rows === null ? null : Math.round((table.rows * (TUPLE_BYTES + Math.ceil(width / 8) * 8)) / FILL),
    sizeFrom: 'widths',
    indexesOnTable: table.indexes.length,
    tooManyIndexes: table.indexes.length >= MANY_INDEXES,
    replaces: status === 'new' ? prefixesOf(keys, table.indexes) : [],
    status,
    existing,
    whatIf: null,
  };
}

/** Equality first; then the order of a page, or a list, or one range: what follows a range only filters. */
function keysOf(scope: Scope, table: CatalogTable): Key[] {
  const here = scope.tables.filter(
    ({ schema, name }) => name === table.name && (schema === null || schema === table.schema),
  );
  if (here.length === 0) return [];
  const find = (qualifier: string | null, name: string) =>
    qualifier === null || here.some(({ alias }) => alias === qualifier)
      ? table.columns.find((column) => column.name === name && column.sortable)
      : undefined;
  const used = (use: ColumnUse) =>
    scope.columns
      .filter((one) => one.use === use)
      .flatMap(({ qualifier, column }) => find(qualifier, column) ?? []);
  const equal = used('equal').toSorted((a, b) => distinct(b, table) - distinct(a, table));
  const order = (scope.order ?? []).map(({ qualifier, column, descending }) => {
    const found = find(qualifier, column);
    return found && { column: found, descending, use: 'sort' as const };
  });
  const sort = order.every((one) => one !== undefined) ? order : [];
  const [range] = used('range');
  const list = used('in');
  const pages = scope.limited && sort.length > 0 && (!range || range.name === sort[0]?.column.name);
  const ascending = (columns: CatalogColumn[], use: Key['use']) =>
    columns.map((column) => ({ column, descending: false, use }));
  const start = equal.length + list.length > 0 || range || pages ? equal : used('join');
  const rest = pages ? sort : ascending([...list, ...(range ? [range] : [])], 'other');
  return unique([...ascending(start, 'equal'), ...rest]).slice(0, MAX_KEY_COLUMNS);
}

function unique(keys: Key[]): Key[] {
  return keys.filter((key, i) => keys.findIndex((one) => one.column.name === key.column.name) === i);
}

/** How many different values a column has, as far as is known: unknown ones keep the order of the statement. */
function distinct({ nDistinct }: CatalogColumn, { rows }: CatalogTable): number {
  if (nDistinct === null) return 0;
  return nDistinct >= 0 ? nDistinct : -nDistinct * (rows ?? 0);
}

function findExisting(
  keys: Key[],
  indexes: readonly CatalogIndex[],
): { status: IndexCandidate['status']; existing: string | null } {
  const same = indexes.filter((index) => index.method === 'btree' && !index.partial && serves(index, keys));
  const usable = same.find(({ valid }) => valid);
  const found = usable ?? same[0];
  if (!found) return { status: 'new', existing: null };
  if (usable) return { status: 'exists', existing: usable.quoted };
  return { status: found.beingBuilt ? 'being-built' : 'invalid', existing: found.quoted };
}

/** Whether an index does what these keys would: a btree is read backwards for free, so its order may be the opposite. */
function serves(index: CatalogIndex, keys: Key[]): boolean {
  const equal = keys.filter(({ use }) => use === 'equal');
  const first = index.columns.slice(0, equal.length);
  if (!equal.every(({ column }) => first.includes(column.name))) return false;
  const rest = keys.slice(equal.length);
  if (!rest.every(({ column }, i) => index.columns[equal.length + i] === column.name)) return false;
  const turned = rest.flatMap((key, i) =>
    key.use === 'sort' ? [(index.descending[equal.length + i] ?? false) !== key.descending] : [],
  );
  return turned.every((one) => one === turned[0]);
}

function prefixesOf(keys: Key[], indexes: readonly CatalogIndex[]): string[] {
  return indexes
    .filter(
      (index) =>
        index.valid &&
        !index.partial &&
        !index.unique &&
        index.method === 'btree' &&
        index.columns.length < keys.length &&
        index.columns.every((column, i) => column === keys[i]?.column.name),
    )
    .map(({ quoted }) => quoted)
    .slice(0, 5);
}

/** Says whose it is; short enough for Django, which allows 30 characters, and the same for the same columns. */
function indexName(table: CatalogTable, columns: string[]): string {
  const plain = (text: string, length: number) =>
    text
      .toLowerCase()
      .replace(/[^a-z0-9_]/g, '')
      .slice(0, length);
  const hash = createHash('sha256')
    .update(JSON.stringify([table.schema, table.name, columns]))
    .digest('hex');
  return `lb_${plain(table.name, 11)}_${plain(columns[0] ?? '', 7)}_${hash.slice(0, 6)}`;
}
