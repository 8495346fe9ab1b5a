import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { appendAudit, auditRows, firstBrokenLink, verifyAudit } from '../../src/store/audit.ts';
import { type Database, migrate, openDatabase } from '../../src/store/database.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/test-database.ts';

let store: TestDatabase;
let db: Database;
beforeAll(async () => {
  store = await createTestDatabase();
  db = await openDatabase(store.appUrl, () => undefined);
  await migrate(db, () => undefined);
});
afterAll(async () => {
  await db.close();
  await store.close();
});

const append = (n: number) =>
  db.transaction((tx) => {
    const entry = {
      actor: `U${n}`,
      kind: 'mitigation.approve',
      subject: `mitigation:${n}`,
      body: { version: n },
    };
    return appendAudit(tx, entry);
  });

/** Does what nobody may: changes the log behind the back of its triggers. */
async function tamper(sql: string): Promise<void> {
  await store.query('alter table audit disable trigger user');
  await store.query(sql);
  await store.query('alter table audit enable trigger user');
}

beforeEach(async () => {
  await tamper('delete from audit');
  for (let n = 1; n <= 6; n += 1) await append(n);
});

test('the chain of an untouched log is whole, whatever the time zone of the reader', async () => {
  expect(await firstBrokenLink(db)).toBeNull();
  await store.query(`alter role ${store.appRole} set timezone to 'Asia/Kolkata'`);
  const elsewhere = await openDatabase(store.appUrl, () => undefined);
  try {
    expect(await firstBrokenLink(elsewhere)).toBeNull();
  } finally {
    await elsewhere.close();
  }
});

test('fifty writers at once leave no gap and no fork', async () => {
  await Promise.all(Array.from({ length: 50 }, (_, n) => append(n)));
  const { rows } = await db.query<{ n: number; last: number }>(
    'select count(*) as n, max(seq) as last from audit',
  );
  expect(rows[0]).toEqual({ n: 56, last: 56 });
  expect(await firstBrokenLink(db)).toBeNull();
});

test('the chain is followed past its first thousand links', async () => {
  await db.transaction(async (tx) => {
    for (let n = 7; n <= 1_005; n += 1) {
      await appendAudit(tx, { actor: 'U1', kind: 'x', subject: 'y', body: {} });
    }
  });
  expect(await firstBrokenLink(db)).toBeNull();
  await tamper(`update audit set body = replace(body, '"y"', '"z"') where seq = 1003`);
  expect(await firstBrokenLink(db)).toBe(1_003);
});

test.each([
  ['one byte of a body', `update audit set body = replace(body, 'U3', 'U9') where seq = 3`, 3],
  ['the actor beside the body', `update audit set actor = 'U9' where seq = 3`, 3],
  ['the kind beside the body', `update audit set kind = 'mitigation.deny' where seq = 4`, 4],
  ['the subject beside the body', `update audit set subject = 'mitigation:7' where seq = 4`, 4],
  ['the time', `update audit set at = at - interval '1 microsecond' where seq = 5`, 5],
  ['the hash of the row before', `update audit set prev = '\\x00' where seq = 4`, 4],
  [
    'a forged row that leaves out a number',
    `insert into audit select 8, at, actor, kind, subject, body, hash, sha256(hash || convert_to('8' || body, 'utf8'))
       from audit where seq = 6`,
    7,
  ],
  ['a deleted row', 'delete from audit where seq = 2', 2],
  ['the deleted first row', 'delete from audit where seq = 1', 1],
  [
    'a copy at the end',
    'insert into audit select 7, at, actor, kind, subject, body, prev, hash from audit where seq = 6',
    7,
  ],
  [
    'two rows that changed places',
    'update audit set seq = -seq where seq in (3, 4); update audit set seq = 7 + seq where seq < 0',
    3,
  ],
  [
    'a row rewritten together with its hash',
    `update audit set actor = 'U9', body = replace(body, 'U3', 'U9'),
       hash = sha256(prev || convert_to('3' || replace(body, 'U3', 'U9'), 'utf8')) where seq = 3`,
    4,
  ],
  [
    'a body that is no JSON, together with its hash',
    `update audit set body = 'x', hash = sha256(prev || convert_to('6x', 'utf8')) where seq = 6`,
    6,
  ],
])('finds %s', async (_what, sql, seq) => {
  await tamper(sql);
  expect(await firstBrokenLink(db)).toBe(seq);
});

test.each(['update audit set actor = actor', 'delete from audit', 'truncate audit'])(
  'refuses: %s',
  async (sql) => {
    await expect(db.query(sql)).rejects.toThrow(/append-only/);
    await expect(store.query(sql)).rejects.toThrow(/append-only/);
    expect(await firstBrokenLink(db)).toBeNull();
  },
);

test('what is rolled back leaves no trace and no gap', async () => {
  const failing = db.transaction(async (tx) => {
    await appendAudit(tx, { actor: 'U1', kind: 'x', subject: 'y', body: {} });
    throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  await append(7);
  const { rows } = await db.query<{ seq: number }>('select max(seq) as seq from audit');
  expect(rows[0]?.seq).toBe(7);
  expect(await firstBrokenLink(db)).toBeNull();
});

test.each<[string, string, { seq: number; why: string; detail: RegExp }]>([
  [
    'a changed byte',
    "update audit set body = replace(body, 'U3', 'U4') where seq = 3",
    { seq: 3, why: 'changed', detail: /does not match its hash/ },
  ],
  [
    'a changed column',
    "update audit set actor = 'U9' where seq = 3",
    { seq: 3, why: 'changed', detail: /something else than its signed text/ },
  ],
  [
    'a missing entry',
    'delete from audit where seq = 2',
    { seq: 2, why: 'missing', detail: /the next one is 3/ },
  ],
  [
    'entries that changed places',
    'update audit set seq = -seq where seq in (3, 4); update audit set seq = 7 + seq where seq < 0',
    { seq: 3, why: 'reordered', detail: /was written as entry 4/ },
  ],
])('says how it broke: %s', async (_what, sql, { seq, why, detail }) => {
  await tamper(sql);
  expect(await verifyAudit(db)).toEqual({ broken: { seq, why, detail: expect.stringMatching(detail) } });
});

test('a head that was noted earlier proves that the end was not cut off, nor all of it written anew', async () => {
  const verified = await verifyAudit(db);
  if (!('head' in verified)) throw new Error('the chain is broken');
  const { head } = verified;
  expect(head.seq).toBe(6);
  expect(await verifyAudit(db, { ...head, hash: head.hash.slice(0, 16) })).toEqual({ head });
  await tamper('delete from audit where seq > 4');
  expect(await firstBrokenLink(db)).toBeNull();
  expect(await verifyAudit(db, head)).toMatchObject({ broken: { seq: 5, why: 'missing' } });
  await append(5);
  await append(6);
  expect(await verifyAudit(db, head)).toMatchObject({ broken: { seq: 6, why: 'changed' } });
});

test('entries from a time on, in their order', async () => {
  const { rows } = await db.query<{ at: Date }>('select at from audit where seq = 5');
  const seen: number[] = [];
  for await (const row of auditRows(db, rows[0]?.at ?? null)) seen.push(row.seq);
  // JavaScript times have milliseconds: an entry of the same one may come first.
  expect(seen.slice(-2)).toEqual([5, 6]);
  expect(seen.length).toBeLessThan(6);
});

test('the role that the bot runs as adds to the log and reads it, whatever it may do elsewhere', async () => {
  const fresh = await createTestDatabase();
  const owner = await openDatabase(fresh.adminUrl, () => undefined);
  try {
    // Roles are of the whole server, and other test files may make it at the same moment.
    await owner.query(`
      do $$ begin
        create role latency_bot_run;
      exception when duplicate_object or unique_violation then null;
      end $$`);
    await owner.query(
      'alter default privileges in schema public grant select, insert, update, delete on tables to latency_bot_run',
    );
    await migrate(owner, () => undefined);
    const rights = (table: string) =>
      owner.query(
        `select p, has_table_privilege('latency_bot_run', '${table}', p) as has
         from unnest(array['select', 'insert', 'update', 'delete', 'truncate']) as p`,
      );
    const held = async (table: string) =>
      (await rights(table)).rows.filter((row) => row.has).map((row) => row.p as string);
    expect(await held('audit')).toEqual(['select', 'insert']);
    expect(await held('incidents')).toEqual(['select', 'insert', 'update', 'delete']);

    const running = await openDatabase(
      `${fresh.adminUrl}?options=-c%20role%3Dlatency_bot_run`,
      () => undefined,
    );
    try {
      expect(await migrate(running, () => undefined)).toEqual([]);
      await running.transaction((tx) => appendAudit(tx, { actor: 'U1', kind: 'x', subject: 'y', body: {} }));
      expect(await verifyAudit(running)).toMatchObject({ head: { seq: 1 } });
      await expect(running.query("update audit set actor = 'U2'")).rejects.toThrow(/permission denied/);
    } finally {
      await running.close();
    }
  } finally {
    await owner.close();
    await fresh.close();
  }
});
