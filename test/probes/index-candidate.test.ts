import { expect, test } from 'vitest';
import { indexCandidate } from '../../src/probes/index-candidate.ts';
import type { CatalogIndex, CatalogTable } from '../../src/probes/table-catalog.ts';
import { statementShape } from '../../src/targets/statement-shape.ts';

const column = (name: string, nDistinct: number | null = null) => ({
  ...{ table: '1', name, quoted: /^[a-z_]+$/.test(name) ? name : `"${name}"` },
  ...{ width: 8, nDistinct, sortable: name !== 'payload' },
});
const COLUMNS = ['id', 'agency_id', 'account_id', 'status', 'created_at', 'payload', 'Due Date'];

const index = (columns: string[], overrides: Partial<CatalogIndex> = {}): CatalogIndex => ({
  ...{ table: '1', name: columns.join('_'), quoted: `public.${columns.join('_')}`, method: 'btree' },
  ...{ valid: true, beingBuilt: false, partial: false, unique: false, columns },
  descending: columns.map(() => false),
  ...overrides,
});
const table = (
  indexes: CatalogIndex[] = [],
  columns = COLUMNS.map((name) => column(name)),
): CatalogTable => ({
  ...{
    oid: '1',
    buildable: true,
    schema: 'public',
    name: 'accounts',
    quotedSchema: 'public',
    quotedName: 'accounts',
  },
  ...{ rows: 100_000, bytes: 1e7, analyzedAt: null, modifiedSinceAnalyze: 0, liveRows: 100_000 },
  ...{ columns, indexes },
});

async function candidate(where: string, of = table()) {
  const shape = await statementShape(`select * from accounts where ${where}`);
  if (!shape) throw new Error('not parsed');
  return indexCandidate(shape, of);
}
const keys = async (where: string, of = table()) =>
  (await candidate(where, of))?.columns.map(({ name, descending }) => `${name}${descending ? ' desc' : ''}`);

test.each([
  [
    'agency_id = $1 and status = $2 order by created_at desc limit $3',
    ['agency_id', 'status', 'created_at desc'],
  ],
  // With the list in front the index could not deliver the order.
  [
    'agency_id = $1 and status in ($2, $3) order by created_at desc limit 50',
    ['agency_id', 'created_at desc'],
  ],
  ['agency_id = $1 and status in ($2, $3)', ['agency_id', 'status']],
  ['created_at > $1 and agency_id = $2', ['agency_id', 'created_at']],
  ['created_at > $1 and agency_id = $2 order by status limit 5', ['agency_id', 'created_at']],
  ['created_at > $1 and agency_id = $2 order by created_at limit 5', ['agency_id', 'created_at']],
  ['agency_id = $1 order by created_at', ['agency_id']],
  ['payload = $1', undefined],
  ['lower(status) = $1', undefined],
  ['agency_id = $1 or status = $2', undefined],
])('%s → %j', async (where, columns) => {
  expect(await keys(where)).toEqual(columns);
});

test('the most selective of the equal columns comes first', async () => {
  const columns = [column('agency_id', 10), column('status', 6), column('account_id', -0.5)];
  expect(await keys('status = $1 and agency_id = $2 and account_id = $3', table([], columns))).toEqual([
    'account_id',
    'agency_id',
    'status',
  ]);
});

test('the page of a correlated subquery is found by the column that leads to the outer row', async () => {
  const outer = 'agency_id = $1 and id in (select 1)';
  const sub = `exists (select 1 from accounts x where x.account_id = (payments.id) order by x.created_at desc limit 1)`;
  const shape = await statementShape(`select 1 from payments where ${sub} and ${outer}`);
  const found = shape && indexCandidate(shape, table());
  expect(found?.columns.map(({ name }) => name)).toEqual(['account_id', 'created_at']);
});

test('names are quoted exactly, and short enough for Django', async () => {
  const found = await candidate('"Due Date" = $1');
  expect(found?.create).toMatch(
    /^create index concurrently lb_accounts_duedate_[0-9a-f]{6} on public\.accounts \("Due Date"\)$/,
  );
  expect(found?.undo).toBe(`drop index concurrently public.${found?.name}`);
  expect(found?.name.length).toBeLessThanOrEqual(30);
});

const PAGE = 'agency_id = $1 and status = $2 order by created_at desc limit 5';
test.each([
  ['the same', index(['agency_id', 'status', 'created_at'], { descending: [false, false, true] }), 'exists'],
  ['read backwards', index(['status', 'agency_id', 'created_at', 'id']), 'exists'],
  ['another order', index(['created_at', 'agency_id', 'status']), 'new'],
  ['partial', index(['agency_id', 'status', 'created_at'], { partial: true }), 'new'],
  ['a hash', index(['agency_id', 'status', 'created_at'], { method: 'hash' }), 'new'],
  ['invalid', index(['agency_id', 'status', 'created_at'], { valid: false }), 'invalid'],
  [
    'under way',
    index(['agency_id', 'status', 'created_at'], { valid: false, beingBuilt: true }),
    'being-built',
  ],
])('an existing index that is %s', async (_what, existing, status) => {
  expect(await candidate(PAGE, table([existing]))).toMatchObject({
    status,
    existing: status === 'new' ? null : existing.quoted,
  });
});

test('an index that the new one would replace is named, unless it keeps values unique', async () => {
  const found = await candidate(
    PAGE,
    table([index(['agency_id']), index(['agency_id', 'status'], { unique: true })]),
  );
  expect(found?.replaces).toEqual(['public.agency_id']);
  const many = Array.from({ length: 10 }, (_, i) => index([`c${i}`]));
  expect(await candidate(PAGE, table(many))).toMatchObject({ tooManyIndexes: true, indexesOnTable: 10 });
});
