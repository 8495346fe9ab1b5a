import type { NamedService } from '../../src/config/schema.ts';
import type { TestDatabase } from './test-database.ts';
import { serviceOn } from './test-service.ts';

/** Lets the role of approved acts become the owner of the tables, as docs/permissions.md says. */
export async function lendOwnership(database: TestDatabase): Promise<void> {
  const action = decodeURIComponent(new URL(database.actionUrl).username);
  const { rows } = await database.query<{ v: number }>(
    "select current_setting('server_version_num')::int as v",
  );
  const how = (rows[0]?.v ?? 0) >= 160_000 ? ' with inherit false, set true' : '';
  await database.query(`grant ${database.appRole} to ${action}${how}`);
}

/** A service whose bot may build indexes on the tables of this database. */
export function ownedService(
  database: TestDatabase,
  mitigations: Record<string, unknown> = {},
): NamedService {
  return serviceOn(database, {
    mitigations,
    targets: {
      postgres: {
        ...{ url: database.probeUrl, actionUrl: database.actionUrl, ownerRole: database.appRole },
        applicationRoles: [database.appRole],
      },
    },
  });
}

/** oid of a table of `public`, as the probes report it. */
export async function oidOf(database: TestDatabase, table: string): Promise<string> {
  const { rows } = await database.query<{ oid: string }>('select to_regclass($1)::oid::text as oid', [
    `public.${table}`,
  ]);
  return rows[0]?.oid ?? '';
}

/** Payments without an index on their account. */
export async function createPayments(database: TestDatabase, rows: number): Promise<void> {
  const owner = await database.openSession('migrate');
  await owner.query('create table payments (id bigint primary key, account_id int not null, note text)');
  await owner.query(
    "insert into payments select g, g % 5000, 'note ' || g from generate_series(1, $1::int) g",
    [rows],
  );
  await owner.query('analyze payments');
  await owner.end();
}
