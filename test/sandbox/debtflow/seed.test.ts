import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, startDatabase } from '../../../sandbox/debtflow/database.ts';
import { HOT_ACCOUNTS, idOf, VOLUMES } from '../../../sandbox/debtflow/ids.ts';
import { seed } from '../../../sandbox/debtflow/seed.ts';

const stateDir = mkdtempSync(join(tmpdir(), 'debtflow-seed-'));
let database: Database;
let admin: pg.Client;

beforeAll(async () => {
  database = await startDatabase(stateDir, 'small', () => undefined);
  admin = new pg.Client({ connectionString: database.url });
  await admin.connect();
});
afterAll(async () => {
  await admin.end();
  await database.stop();
  rmSync(stateDir, { recursive: true });
});

async function counts(): Promise<unknown> {
  const { rows } = await admin.query(`select
    (select count(*)::int from accounts_agency) as agencies,
    (select count(*)::int from payments_processor) as processors,
    (select count(*)::int from accounts_debtor) as debtors,
    (select count(*)::int from accounts_account) as accounts,
    (select count(*)::int from payments_payment) as payments,
    (select count(*)::int from accounts_activity) as activities`);
  return rows[0];
}

test('fills every table, with ids that need no database to know', async () => {
  expect(database.seeded).toBe(true);
  expect(await counts()).toEqual(VOLUMES.small);
  const { rowCount } = await admin.query('select from accounts_account where id = any($1)', [HOT_ACCOUNTS]);
  expect(rowCount).toBe(HOT_ACCOUNTS.length);
  const { rows } = await admin.query('select name from accounts_agency where id = $1', [idOf('agency', 2)]);
  expect(rows).toEqual([{ name: 'Agency 2' }]);
});

test('the probing role may look and not touch, the acting role may signal', async () => {
  const probe = new pg.Client({ connectionString: database.probeUrl });
  const fixer = new pg.Client({ connectionString: database.actionUrl });
  await Promise.all([probe.connect(), fixer.connect()]);
  try {
    await probe.query('explain select * from accounts_debtor');
    await expect(probe.query('update accounts_debtor set email = null')).rejects.toMatchObject({
      code: '25006',
    });
    await expect(probe.query('create temp table t ()')).rejects.toMatchObject({ code: '25006' });
    const { rows: settings } = await probe.query(
      "select name, setting from pg_settings where name in ('statement_timeout', 'lock_timeout') order by name",
    );
    expect(settings).toEqual([
      { name: 'lock_timeout', setting: '200' },
      { name: 'statement_timeout', setting: '2000' },
    ]);
    const { rows } = await fixer.query(`select pg_has_role('pg_signal_backend', 'member') as signal,
      pg_has_role('latency_probe', 'pg_signal_backend', 'member') as "probeMaySignal",
      has_table_privilege('latency_probe', 'accounts_debtor', 'update') as "probeMayWrite",
      pg_has_role('latency_probe', 'pg_use_reserved_connections', 'member') as reserved`);
    expect(rows).toEqual([{ signal: true, probeMaySignal: false, probeMayWrite: false, reserved: true }]);
  } finally {
    await Promise.all([probe.end(), fixer.end()]);
  }
});

test('fills once, and again when the last time was cut off', async () => {
  const again = () => seed(database.url, 'small', () => undefined);
  expect(await again()).toEqual({ seeded: false });
  await admin.query('delete from debtflow_seed');
  await admin.query('drop table payments_payment');
  expect(await again()).toEqual({ seeded: true });
  expect(await counts()).toEqual(VOLUMES.small);
});

test('an index that a killed fault left dropped is there again after the next start', async () => {
  await admin.query('drop index payments_payment_account_created');
  expect(await seed(database.url, 'small', () => undefined)).toEqual({ seeded: false });
  const { rowCount } = await admin.query(
    "select from pg_indexes where indexname = 'payments_payment_account_created'",
  );
  expect(rowCount).toBe(1);
});
