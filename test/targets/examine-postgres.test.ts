import { expect, test } from 'vitest';
import { openPostgres } from '../../src/targets/postgres.ts';
import type { Examined } from '../../src/targets/requirement.ts';
import { lendOwnership } from '../helpers/owner-scene.ts';
import { type TestDatabase, withTestDatabase } from '../helpers/test-database.ts';

async function examined(
  url: string,
  options: { actionUrl?: string; ownerRole?: string; suspects?: Record<string, string> } = {},
): Promise<(id: string) => Examined | undefined> {
  const target = openPostgres({ url, applicationRoles: [], suspects: {}, ...options });
  const found = await target.examine(AbortSignal.timeout(10_000)).finally(() => target.close());
  expect(new Set(found.map(({ id }) => id)).size).toBe(found.length);
  expect(found).toHaveLength(10);
  return (id) => found.find((one) => one.id === `postgres:${id}`);
}

const roleOf = (url: string) => new URL(url).username;

async function createTables(database: TestDatabase): Promise<void> {
  const app = await database.openSession('migrate');
  await app.query('create schema "Old Data"; create table "Old Data"."Order" (id int)');
  await app.query('create table payments_payment (id int)');
  await app.end();
}

test('a role with pg_monitor alone is told the exact grants that are missing', () =>
  withTestDatabase(async (database) => {
    await createTables(database);
    await database.query('create extension pg_stat_statements');
    const suspects = {
      payments: 'select * from payments_payment where id = $1',
      orders: 'select * from "Old Data"."Order"',
    };
    const of = await examined(database.probeUrl, { actionUrl: database.actionUrl, suspects });
    const role = roleOf(database.probeUrl);
    expect(of('reachable')).toMatchObject({ met: true, remedy: null });
    expect(of('reachable')?.words).toMatch(
      new RegExp(`^PostgreSQL [\\d.]+ as ${role} in the database ${database.name}$`),
    );
    expect(of('read-all-stats')).toMatchObject({ met: true, remedy: null });
    expect(of('pg-stat-statements')).toMatchObject({ met: true, remedy: null });
    expect(of('query-id')).toMatchObject({ met: true, words: 'compute_query_id is auto' });
    expect(of('io-timing')).toMatchObject({ met: false, remedy: expect.stringContaining('track_io_timing') });
    expect(of('explain')).toEqual({
      id: 'postgres:explain',
      met: false,
      words: '0 of 2 tables of the suspects can be explained',
      remedy: `grant usage on schema "Old Data" to ${role}; grant select on "Old Data"."Order", public.payments_payment to ${role}`,
    });
    expect(of('hypopg')).toMatchObject({
      met: false,
      remedy: expect.stringContaining('create extension hypopg'),
    });
    expect(of('act')).toMatchObject({ met: true, remedy: null });
    for (const line of of('explain')?.remedy?.split('; ') ?? []) await database.query(line);
    const again = await examined(database.probeUrl, { suspects });
    expect(again('explain')).toMatchObject({ met: true, remedy: null });
    expect(again('act')).toMatchObject({ met: false, remedy: expect.stringContaining('actionUrl') });
  }));

test('a role without pg_monitor is let in and told what it lacks; the rest is unknown', () =>
  withTestDatabase(async (database) => {
    const of = await examined(database.appUrl, { actionUrl: database.probeUrl });
    expect(of('reachable')).toMatchObject({ met: true });
    expect(of('read-all-stats')).toMatchObject({
      met: false,
      remedy: `grant pg_monitor to ${database.appRole}`,
    });
    expect(of('explain')).toMatchObject({ met: null });
    expect(of('act')).toMatchObject({
      met: false,
      remedy: `grant pg_signal_backend to ${roleOf(database.probeUrl)}`,
    });
  }));

test('superusers are remarked upon, and a missing extension is named', () =>
  withTestDatabase(async (database) => {
    const of = await examined(database.adminUrl, { actionUrl: database.adminUrl });
    expect(of('reachable')).toMatchObject({ met: true, words: expect.stringContaining('is a superuser') });
    expect(of('act')).toMatchObject({ met: false, remedy: expect.stringContaining('nosuperuser') });
    expect(of('pg-stat-statements')).toMatchObject({
      met: false,
      remedy: `create extension pg_stat_statements (in ${database.name})`,
    });
  }));

test('the owner of the tables: none named, one that may not be taken on, one that may', () =>
  withTestDatabase(async (database) => {
    const own = async (ownerRole?: string) => {
      const of = await examined(database.probeUrl, {
        actionUrl: database.actionUrl,
        ...(ownerRole !== undefined && { ownerRole }),
      });
      return of('own');
    };
    const role = roleOf(database.actionUrl);
    expect(await own()).toMatchObject({ met: false, remedy: expect.stringContaining('ownerRole') });
    expect(await own('nobody')).toMatchObject({ met: false, words: 'there is no role nobody' });
    expect(await own(database.appRole)).toMatchObject({
      met: false,
      words: `${role} may not become ${database.appRole}`,
      remedy: expect.stringContaining(`grant ${database.appRole} to ${role}`),
    });
    await lendOwnership(database);
    expect(await own(database.appRole)).toMatchObject({ met: true, remedy: null });
  }));

test('a suspect that is no statement, or about no table, is said to be so', () =>
  withTestDatabase(async (database) => {
    await createTables(database);
    const suspects = { gone: 'select * from nowhere where a = $1', two: 'select 1; drop table x' };
    const of = await examined(database.probeUrl, { suspects });
    expect(of('explain')).toMatchObject({ met: false, remedy: 'mend targets.postgres.suspects' });
    expect(of('explain')?.words).toContain('there is no table nowhere');
    expect(of('explain')?.words).toContain('the suspect "two"');
  }));

test('a server that is not there is an answer, not an error', async () => {
  const of = await examined('postgres://u:topsecret@127.0.0.1:1/db');
  expect(of('reachable')).toMatchObject({ met: false, words: expect.stringContaining('nothing accepts') });
  expect(of('hypopg')).toMatchObject({ met: null });
});
