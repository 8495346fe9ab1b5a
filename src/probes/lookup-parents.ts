import { KNOWN_SOURCES, knownRelation, modelOf } from '../runbook/known-relations.ts';
import { namesIn, type PointLookup, pointLookup, type StatementNames } from '../targets/point-lookup.ts';
import type { StatementShape } from './statement-shapes.ts';

/** A lookup and a list go together when the product of the list's calls and rows is that of the lookup's calls. */
const TOLERANCE = 0.2;
/** Empty foreign keys are not looked up: where the columns show the relation, fewer lookups than rows will do. */
const RELATED_AT_LEAST = 0.3;
/** Lazy loading fetches one row for a foreign key. */
const ONE_ROW = 1.2;
/** A page of one row makes one lookup, which is nobody's trouble. */
const MIN_ROWS = 2;

export interface Lookup {
  shape: StatementShape;
  key: PointLookup;
  kind: 'foreign-key' | 'reverse';
}

export interface List {
  shape: StatementShape;
  names: StatementNames;
}

export interface Parent {
  list: List;
  /** Whether a column of one leads to the other: more than equal numbers. */
  related: boolean;
}

/** Sorts the shapes into lookups by key, and lists that may feed them. */
export async function sortShapes(
  shapes: readonly StatementShape[],
): Promise<{ lookups: Lookup[]; lists: List[] }> {
  const lookups: Lookup[] = [];
  const lists: List[] = [];
  for (const shape of shapes) {
    const key = await pointLookup(shape.rawText);
    if (key) lookups.push({ shape, key, kind: kindOf(shape, key) });
    if (shape.rows / shape.calls >= MIN_ROWS) lists.push({ shape, names: await namesIn(shape.rawText) });
  }
  return { lookups, lists };
}

function kindOf(shape: StatementShape, key: PointLookup): Lookup['kind'] {
  const byForeignKey = key.columns.some((column) => column.endsWith('_id'));
  return shape.rows / shape.calls <= ONE_ROW && !byForeignKey ? 'foreign-key' : 'reverse';
}

/** The list whose rows the lookup is sent for, one by one; null when no list of the same role explains its calls. */
export function parentOf(lookup: Lookup, lists: readonly List[]): Parent | null {
  const candidates = lists
    .filter(({ shape }) => shape.role === lookup.shape.role && shape !== lookup.shape)
    .map((list) => ({ list, related: isRelated(lookup, list), ratio: lookup.shape.calls / list.shape.rows }))
    .filter(
      ({ related, ratio }) => ratio <= 1 + TOLERANCE && ratio >= (related ? RELATED_AT_LEAST : 1 - TOLERANCE),
    )
    .sort((a, b) => Number(b.related) - Number(a.related) || Math.abs(a.ratio - 1) - Math.abs(b.ratio - 1));
  return candidates[0] ?? null;
}

/** By Django's names: a list with `agency_id` leads to `…_agency`; a lookup by `account_id` comes from `…_account`. */
function isRelated({ key, kind }: Lookup, { names }: List): boolean {
  const how = kind === 'foreign-key' ? 'select_related' : 'prefetch_related';
  if (knownRelation(key.table, { listed: names.tables, view: null }, how)) return true;
  if (kind === 'foreign-key') return names.columns.includes(`${modelOf(key.table)}_id`);
  return names.tables.some((table) => key.columns.includes(`${modelOf(table)}_id`));
}

/** Route whose requests go with the list; a route that the runbook knows for its table comes first. */
export function viewOf(
  parent: Parent | null,
  rates: ReadonlyMap<string, number>,
  seconds: number,
): string | null {
  if (!parent) return null;
  const { shape, names } = parent.list;
  const rate = shape.calls / seconds;
  // The two windows do not begin at the same instant: one request more or less is no difference.
  const fits = [...rates].filter(([, rps]) => Math.abs(rps - rate) <= TOLERANCE * rate + 1 / seconds);
  const known = KNOWN_SOURCES.filter(({ table }) => names.tables.includes(table)).flatMap(
    ({ views }) => views,
  );
  const sorted = fits.sort(
    ([a, aRps], [b, bRps]) =>
      Number(known.includes(b)) - Number(known.includes(a)) || Math.abs(aRps - rate) - Math.abs(bRps - rate),
  );
  return sorted[0]?.[0] ?? null;
}
