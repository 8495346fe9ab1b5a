import fc from 'fast-check';
import { expect, test } from 'vitest';
import { maskText } from '../../src/targets/mask-text.ts';
import { safeQuery } from '../../src/targets/query-text.ts';

const SECRETS = ['123-45-6789', 'Schmidt', 'Müller', '4111111111111111', 'hunter2', '8675309', 'deadbeef'];
const STATEMENTS = [
  "select * from accounts_account where ssn = '123-45-6789'",
  "select * from accounts_debtor where name = 'Müller' and id in (8675309, 8675309)",
  "select e'Schmidt\\'s', E'a\\\\Schmidt' from t",
  "select 'it''s Schmidt' as a, \"Quoted Column\" from t -- Schmidt\nwhere x = 8675309",
  '/* Schmidt /* nested hunter2 */ 8675309 */ select 1',
  'select $$Schmidt$$, $tag$ hunter2 $$ Müller $tag$',
  "copy (select * from t where a = 'Schmidt') to stdout",
  "prepare p as select * from t where a = 'Schmidt' and b = 8675309",
  "execute p('Schmidt', 8675309)",
  "create table t2 as select 'Schmidt' as a, 4111111111111111 as card",
  "alter role r password 'hunter2'",
  "create user u password 'hunter2'",
  "insert into t values ('Schmidt', 4111111111111111), ('Müller', 8675309)",
  "update payments_payment set card = '4111111111111111', note = E'a\\nSchmidt' where id = 8675309",
  "select x'deadbeef', b'0101', u&'Schmidt', n'Schmidt' from t",
  'select 8675309e5, .8675309, 8_675_309, 0x8675309 from t where a = -8675309',
  "declare c cursor for select * from t where a = 'Schmidt'",
  "do $body$ begin perform 'Schmidt'; end $body$",
  "call p('Schmidt', 8675309)",
  "explain select * from t where a like 'Schmidt%'",
  "select 'a'\n'Schmidt'",
  "set app.name = 'Schmidt'",
];

const leaks = (shown: string) => SECRETS.filter((secret) => shown.includes(secret));
/** The longest piece of a secret that a cut text may hold is still a piece of it. */
const leaksPart = (shown: string) =>
  SECRETS.flatMap((secret) => [secret.slice(0, 5)]).filter((part) => shown.includes(part));

test('a statement loses its literals and its comments, and keeps its shape', async () => {
  expect(await safeQuery("select * from t /* x */ where a = 'Schmidt' and b = 12")).toEqual({
    text: 'select * from t where a = $1 and b = $2',
    fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/),
    how: 'parsed',
  });
});

test.each(STATEMENTS)('no literal survives: %s', async (statement) => {
  const { text, how } = await safeQuery(statement);
  expect(leaks(text)).toEqual([]);
  expect(how).toBe('parsed');
});

test('no literal survives in any prefix, cut or taken as it is', async () => {
  for (const statement of STATEMENTS) {
    for (let length = 1; length <= statement.length; length += 1) {
      const prefix = statement.slice(0, length);
      const plain = await safeQuery(prefix);
      const truncated = await safeQuery(prefix, { truncated: true });
      expect({ prefix, leaks: leaksPart(plain.text) }).toEqual({ prefix, leaks: [] });
      expect({ prefix, leaks: leaksPart(truncated.text) }).toEqual({ prefix, leaks: [] });
    }
  }
});

test('a text that cannot be parsed is masked and has no fingerprint', async () => {
  expect(await safeQuery("selec * fro t where ssn = '123-45-6789")).toEqual({
    text: 'selec * fro t where ssn = ?',
    fingerprint: null,
    how: 'masked',
  });
});

test('what PostgreSQL writes itself is kept', async () => {
  expect(await safeQuery('<insufficient privilege>')).toMatchObject({ how: 'system' });
  expect(await safeQuery('autovacuum: VACUUM public.t (to prevent wraparound)')).toMatchObject({
    text: 'autovacuum: VACUUM public.t (to prevent wraparound)',
    how: 'system',
  });
});

test.each([
  '<insufficient privilege>',
  '<backend information not available>',
  '<command string not enabled>',
  'autovacuum: ANALYZE public.payments_payment',
  'autovacuum: BRIN summarize public.t 17',
])('what PostgreSQL writes itself is kept: %s', async (text) => {
  expect(await safeQuery(text)).toEqual({ text, fingerprint: null, how: 'system' });
});

test.each([
  "<insufficient privilege> 'Schmidt'",
  "<script> select * from t where ssn = '123-45-6789'",
  "autovacuum: VACUUM public.t where name = 'Schmidt'",
  'autovacuum: VACUUM public.8675309',
  "autovacuum: VACUUM public.t (to prevent wraparound) 'hunter2'",
  "autovacuum: VACUUM public.t\n'hunter2'",
])('what only begins like it is masked: %s', async (text) => {
  const shown = await safeQuery(text);
  expect(shown.how).toBe('masked');
  expect(leaks(shown.text)).toEqual([]);
});

test('equal statements share their fingerprint, whatever their values', async () => {
  const [a, b] = [
    await safeQuery('select 1 from t where a = 5'),
    await safeQuery("select 1 from t where a = 'x'"),
  ];
  expect(a.fingerprint).toBe(b.fingerprint);
});

test('a long statement is cut', async () => {
  const { text } = await safeQuery(
    `select ${Array.from({ length: 200 }, (_, i) => `column_${i}`).join(', ')} from t`,
  );
  expect(text).toHaveLength(300);
});

test('masking never throws and no quoted secret survives it', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (before, after) => {
      // A quote before would turn the inside out, for any reader; so would a comment.
      const prefix = before.replace(/['"$\\/*-]/g, '');
      expect(maskText(`${prefix} 'SECRETWORD' ${after}`)).not.toContain('SECRETWORD');
      maskText(before + after);
    }),
    { numRuns: 500 },
  );
});
