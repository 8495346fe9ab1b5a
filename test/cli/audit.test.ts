import { type ExecFileException, execFile } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { csvLine } from '../../src/cli/audit.ts';
import { appendAudit } from '../../src/store/audit.ts';
import { type Database, migrate, openDatabase } from '../../src/store/database.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/test-database.ts';

const BIN = join(import.meta.dirname, '..', '..', 'bin', 'latency-bot.mjs');

let store: TestDatabase;
let db: Database;
beforeAll(async () => {
  store = await createTestDatabase();
  db = await openDatabase(store.appUrl, () => undefined);
  await migrate(db, () => undefined);
  for (let n = 1; n <= 1_200; n += 1) {
    const entry = {
      actor: n === 3 ? '=cmd|calc' : `U${n}`,
      kind: 'mitigation.approve',
      subject: `mitigation:${n}`,
    };
    await db.transaction((tx) => appendAudit(tx, { ...entry, body: { version: n } }));
  }
}, 120_000);
afterAll(async () => {
  await db.close();
  await store.close();
});

function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((done) => {
    const env = { ...process.env, DATABASE_URL: store.appUrl };
    execFile(process.execPath, [BIN, 'audit', ...args], { env, maxBuffer: 1e8 }, (error, stdout, stderr) =>
      done({ code: Number((error as ExecFileException | null)?.code ?? 0), stdout, stderr }),
    );
  });
}

test('verify: 0 with the head, 3 with the first entry that does not fit; export: all entries, checkable', async () => {
  const whole = await run('verify');
  expect(whole).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^intact: 1200 entries, head 1200:[0-9a-f]{64}\n$/),
  });
  const head = /head (\S+)/.exec(whole.stdout)?.[1] ?? '';
  expect(await run('verify', '--anchor', head)).toMatchObject({ code: 0 });

  const exported = await run('export');
  const lines = exported.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, string>);
  expect(lines).toHaveLength(1_200);
  expect(lines[0]).toMatchObject({ seq: 1, actor: 'U1', prev: '0'.repeat(64) });
  expect(lines.at(-1)?.hash).toBe(head.split(':')[1]);
  expect(lines[1]?.prev).toBe(lines[0]?.hash);
  const csv = (await run('export', '--format', 'csv')).stdout.split('\r\n');
  expect(csv[0]).toBe('seq,at,actor,kind,subject,body,prev,hash');
  expect(csv[3]).toContain(`"'=cmd|calc"`);
  expect(csv).toHaveLength(1_202);
  expect((await run('export', '--format', 'xml')).code).toBe(1);

  await store.query('alter table audit disable trigger user');
  await store.query("update audit set actor = 'U9' where seq = 1100");
  await store.query('alter table audit enable trigger user');
  expect(await run('verify')).toMatchObject({
    code: 3,
    stdout: expect.stringMatching(/^broken at entry 1100 \(changed\): /),
  });
}, 120_000);

test.each([
  ['plain', '"plain"'],
  ['with "quotes", and a comma', '"with ""quotes"", and a comma"'],
  ['two\nlines', '"two\nlines"'],
  ['=1+1', `"'=1+1"`],
  ['+1', `"'+1"`],
  ['-1', `"'-1"`],
  ['@SUM(A1)', `"'@SUM(A1)"`],
])('a cell of the export: %j', (cell, written) => {
  expect(csvLine([cell, 'x'])).toBe(`${written},"x"`);
});
