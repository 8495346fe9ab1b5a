import type { Fault, FaultTargets, Truth } from './fault.ts';
import { openSession } from './session.ts';
import { watch } from './watch.ts';

const MIGRATION = 'debtflow-migrate';

export interface DroppedIndex {
  name: string;
  title: string;
  description: string;
  table: string;
  index: string;
  columns: string;
  truth: Truth;
}

/** Valid indexes of the table that serve what the dropped one served, by whatever name. */
const SERVING = `
select c.relname as name, i.indisvalid as valid from pg_index i
join pg_class c on c.oid = i.indexrelid
join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
where i.indrelid = $1::regclass and a.attname = 'account_id'`;

/**
 * A migration drops an index that every lookup by account uses, as one does that renames it and is stopped half-way.
 * Building it again (or another one that serves) ends the fault; `off` takes half a second to build it, more on a
 * busy machine, and removes what somebody built in its place.
 */
export function droppedIndex(targets: FaultTargets, what: DroppedIndex): Fault {
  const { table, index, columns, ...shown } = what;

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

  const gone = watch(async () => (await serving()).every((row) => !row.valid));

  return {
    ...shown,
    group: 'Queries',
    isOn: gone.isOn,

    async on() {
      await withOwner((client) => client.query(`drop index if exists ${index}`));
      gone.start();
    },

    async off() {
      gone.stop();
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
