import pg from 'pg';
import { withoutImports } from './faults/dropped-index.ts';
import { VOLUMES } from './ids.ts';
import { FOREIGN_KEYS, type Table, tables } from './schema.ts';

// Raised when the schema or the data change: an older database is then filled again.
const VERSION = 1;

/** Fills the database once. What a killed seeding left behind is thrown away and made again. */
export async function seed(
  databaseUrl: string,
  size: 'full' | 'small',
  progress: (step: string, detail?: string) => void,
): Promise<{ seeded: boolean }> {
  const wanted = `${VERSION}:${size}`;
  return withClient(databaseUrl, async (client) => {
    await client.query('create table if not exists debtflow_seed (done text not null)');
    const { rows } = await client.query<{ done: string }>('select done from debtflow_seed');
    if (rows.length === 1 && rows[0]?.done === wanted) {
      await repair(client, tables(VOLUMES[size]));
      return { seeded: false };
    }
    await client.query('delete from debtflow_seed');

    const all = tables(VOLUMES[size]);
    await client.query(`drop table if exists ${all.map((table) => table.name).join(', ')} cascade`);
    await Promise.all(
      all.map(async (table) => {
        await withClient(databaseUrl, (own) => fill(own, table));
        progress('seed', table.name);
      }),
    );
    // The small ones are parents: a constraint takes a lock on both sides, so they go one after the other.
    for (const [, sql] of FOREIGN_KEYS) await client.query(sql);
    await client.query('insert into debtflow_seed values ($1)', [wanted]);
    return { seeded: true };
  });
}

async function fill(client: pg.Client, table: Table): Promise<void> {
  await client.query("set maintenance_work_mem = '128MB'; set max_parallel_maintenance_workers = 0");
  // In one transaction with its table, and with wal_level = minimal, the insert writes no WAL.
  await client.query('begin');
  await client.query(`create table ${table.name} (${table.create})`);
  await client.query(`insert into ${table.name} ${table.fill}`);
  for (const sql of table.after) await client.query(sql);
  await client.query('commit');
  await client.query(`vacuum (analyze) ${table.name}`);
}

/** Takes back what a fault changed that was on when its process was killed. */
async function repair(client: pg.Client, all: Table[]): Promise<void> {
  for (const { after } of all) {
    const indexes = after.filter((sql) => sql.startsWith('create'));
    for (const sql of indexes) await client.query(sql.replace(/ index /, ' index if not exists '));
  }
  for (const table of ['payments_payment', 'accounts_activity']) await withoutImports(client, table);
  const { rows } = await client.query<{ name: string }>(
    "select relname as name from pg_class where 'autovacuum_enabled=false' = any(reloptions)",
  );
  for (const { name } of rows) {
    await client.query(`alter table ${name} reset (autovacuum_enabled)`);
    await client.query(`vacuum (analyze) ${name}`);
  }
}

async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: 'debtflow-migrate' });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
