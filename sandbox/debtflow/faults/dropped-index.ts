import type pg from 'pg';
import { NO_ACCOUNT } from '../ids.ts';
import type { Fault, FaultTargets, Truth } from './fault.ts';
import { openSession, runOnce } from './session.ts';
import { untilFelt } from './until-felt.ts';
import { watch } from './watch.ts';

const MIGRATION = 'debtflow-migrate';
/** Times that the history of another agency has been imported: more until the clients of this machine feel the scans. */
const IMPORTS = [0, 1, 2, 3, 4, 6];
const ROWS_AT_ONCE = 300_000;

export interface DroppedIndex {
  name: string;
  title: string;
  description: string;
  table: string;
  index: string;
  columns: string;
  /** The columns of a row of history and their values, beside the account and when it was made. */
  history: Record<string, string>;
  truth: Truth;
}

/** Valid indexes of the table that serve what the dropped one served, by whatever name. */
const SERVING = `
select c.relname as name, i.indisvalid as valid from pg_index i
join pg_class c on c.oid = i.indexrelid
join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
where i.indrelid = $1::regclass and a.attname = 'account_id'`;

/** Takes the rows out that the fault brought in. */
export async function withoutImports(client: pg.Client, table: string): Promise<void> {
  const { rowCount } = await client.query(`delete from ${table} where account_id = '${NO_ACCOUNT}'`);
  // A plain VACUUM gives back no space that somebody is reading.
  if (rowCount) await client.query(`vacuum (full, analyze) ${table}`);
}

/**
 * A migration drops an index that every lookup by account uses, as one does that renames it and is stopped half-way.
 * The table grows until that hurts. Building the index again (or another one that serves) ends the fault; `off` takes
 * half a second to build it, more on a busy machine, and removes what somebody built in its place.
 */
export function droppedIndex(targets: FaultTargets, what: DroppedIndex): Fault {
  const { table, index, columns, history, ...shown } = what;

  let imported = 0;
  let wanted = false;
  let growing: Promise<void> = Promise.resolve();
  /** Rows that no account of DebtFlow has: nobody reads them except for a scan of the whole table. */
  const IMPORT = [
    // The accounts are imported later.
    'set session_replication_role = replica',
    `insert into ${table} (account_id, created_at, ${Object.keys(history).join(', ')})
       select '${NO_ACCOUNT}', now() - interval '5 years', ${Object.values(history).join(', ')} from generate_series(1, ${ROWS_AT_ONCE}) n`,
  ];

  async function withOwner<T>(
    use: (client: Awaited<ReturnType<typeof openSession>>) => Promise<T>,
  ): Promise<T> {
    const client = await openSession(targets.database.migrateUrl, MIGRATION);
    try {
      return await use(client);
    } finally {
      await client.end();
    }
  }
  const serving = () =>
    withOwner(
      async (client) => (await client.query<{ name: string; valid: boolean }>(SERVING, [table])).rows,
    );

  async function grow(imports: number): Promise<boolean> {
    for (; wanted && imported < imports; imported++) await runOnce(targets.database.url, MIGRATION, IMPORT);
    // Its statistics are as fresh as ever.
    if (imported > 0) await runOnce(targets.database.url, MIGRATION, [`analyze ${table}`]);
    return wanted;
  }

  const gone = watch(async () => (await serving()).every((row) => !row.valid));

  return {
    ...shown,
    group: 'Queries',
    isOn: gone.isOn,

    async on() {
      await withOwner((client) => client.query(`drop index if exists ${index}`));
      wanted = true;
      growing = untilFelt(targets, IMPORTS, grow);
      await growing;
      if (wanted) gone.start();
    },

    async off() {
      gone.stop();
      wanted = false;
      await growing.catch(() => undefined); // whoever turned it on was told
      if (imported > 0) {
        await withOwner((client) => withoutImports(client, table));
        imported = 0;
      }
      const present = await serving();
      if (present.length === 1 && present[0]?.name === index && present[0].valid) return;
      await withOwner(async (client) => {
        if (present.some((row) => row.name === index && !row.valid))
          await client.query(`drop index concurrently ${index}`);
        await client.query(`create index concurrently if not exists ${index} on ${table} (${columns})`);
        for (const { name } of present) {
          if (name !== index)
            await client.query(`drop index concurrently if exists ${client.escapeIdentifier(name)}`);
        }
      });
    },
  };
}
