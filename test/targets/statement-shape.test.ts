import { expect, test } from 'vitest';
import { statementShape } from '../../src/targets/statement-shape.ts';

test('tells equality, lists, ranges, joins and wrapped columns apart, and the order of a page', async () => {
  const shape =
    await statementShape(`select a.id from accounts a join public.payments p on p.account_id = a.id
    where a.agency_id = $1 and status in ($2, $3) and k = any ($4) and lower(name) = $5 and created_at > $6
    and deleted_at is null and (x = $7 or y = $8) order by a.created_at desc, b limit $9`);
  expect(shape).toMatchObject({ kind: 'select', parameters: 9, writes: false });
  expect(shape?.tables).toEqual([
    { schema: null, name: 'accounts' },
    { schema: 'public', name: 'payments' },
  ]);
  const [scope] = shape?.scopes ?? [];
  const columns = (use: string) =>
    scope?.columns.filter((one) => one.use === use).map(({ column }) => column);
  expect(columns('equal')).toEqual(['agency_id', 'deleted_at']);
  expect(columns('in')).toEqual(['status', 'k']);
  expect(columns('range')).toEqual(['created_at']);
  expect(columns('join')).toEqual(['account_id', 'id']);
  expect(columns('wrapped')).toEqual(['name']);
  expect(scope?.order).toEqual([
    { qualifier: 'a', column: 'created_at', descending: true },
    { qualifier: null, column: 'b', descending: false },
  ]);
  expect(scope?.limited).toBe(true);
});

test('looks into both sides of a union and into subqueries, and leaves the names of CTEs out', async () => {
  const shape = await statementShape(
    'with c as (select * from t where a = $1) select * from c union select * from (select * from u where b = $2) x',
  );
  expect(shape?.tables.map(({ name }) => name).sort()).toEqual(['t', 'u']);
  expect(shape?.scopes.flatMap(({ columns }) => columns.map(({ column }) => column)).sort()).toEqual([
    'a',
    'b',
  ]);
});

test('a column of an outer level is a value to the inner one', async () => {
  const shape = await statementShape(
    'select a.id, (select u0.at from payments u0 where u0.account_id = (a.id) order by u0.at desc limit 1) from accounts a',
  );
  const inner = shape?.scopes.find(({ tables }) => tables.some(({ name }) => name === 'payments'));
  expect(inner?.columns).toEqual([{ qualifier: 'u0', column: 'account_id', use: 'equal' }]);
});

test.each([
  ['update t set a = $1 where b = $2', 'update'],
  ['delete from t where b = $1', 'delete'],
  ['select * from t where b = $1 for update', 'select'],
  ['with d as (delete from t returning *) select * from d', 'select'],
])('knows that it takes more than SELECT: %s', async (text, kind) => {
  expect(await statementShape(text)).toMatchObject({ kind, writes: true });
});

test.each([
  'select 1; drop table t',
  'drop table t',
  'select * into u from t',
  'create table u as select * from t',
  'explain analyze delete from t',
  "copy t to '/tmp/x'",
  'do $$ begin end $$',
  'call p()',
  "select 'half",
  '',
])('takes nothing else: %s', async (text) => {
  expect(await statementShape(text)).toBeNull();
});
