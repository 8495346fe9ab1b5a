import type { Ask } from './postgres.ts';
import type { Examined } from './requirement.ts';
import { statementShape, type TableName } from './statement-shape.ts';

type Row = Record<string, unknown>;

interface Examine {
  query<R extends Row>(ask: Ask): Promise<R[]>;
  suspects: Readonly<Record<string, string>>;
  signal: AbortSignal;
}

// Names resolve as the application's would: a bare one is looked for in every schema that is not the system's.
const TABLES = `
  select
    n.nspname as schema,
    c.relname as name,
    quote_ident(n.nspname) as "quotedSchema",
    quote_ident(n.nspname) || '.' || quote_ident(c.relname) as quoted,
    has_schema_privilege(n.oid, 'usage') as "schemaUsage",
    has_table_privilege(c.oid, 'select') as readable
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f')
  and n.nspname not in ('pg_catalog', 'information_schema')
  and n.nspname not like 'pg\\_%'
  and ($1::text[] is null or c.relname = any ($1))
  order by c.relpages desc, quoted
  limit 50`;

interface TableRow extends Row {
  schema: string;
  name: string;
  quotedSchema: string;
  quoted: string;
  schemaUsage: boolean;
  readable: boolean;
}

/** Whether the suspects, or without any the largest tables, can be explained. */
export async function examineExplain(
  found: { role: string; explainFunction: boolean },
  { query, suspects, signal }: Examine,
): Promise<Examined> {
  const { wanted, unreadable } = await tablesOf(suspects);
  const values = [wanted && [...new Set(wanted.map(({ name }) => name))]];
  const rows = await query<TableRow>({ probe: 'doctor', sql: TABLES, values, signal, always: true });
  const isMeant = (row: TableRow, { schema, name }: TableName) =>
    row.name === name && (schema === null || row.schema === schema);
  const tables = rows.filter((row) => wanted === null || wanted.some((one) => isMeant(row, one)));
  const missing = (wanted ?? []).filter((one) => !rows.some((row) => isMeant(row, one)));
  const closed = tables.filter(({ readable, schemaUsage }) => !readable || !schemaUsage);
  const schemas = new Set(closed.filter((row) => !row.schemaUsage).map((row) => row.quotedSchema));
  const what = wanted ? 'tables of the suspects' : 'largest tables';
  const lines = [
    ...(schemas.size > 0 ? [`grant usage on schema ${[...schemas].join(', ')} to ${found.role}`] : []),
    ...(closed.length > 0
      ? [`grant select on ${closed.map(({ quoted }) => quoted).join(', ')} to ${found.role}`]
      : []),
    ...(missing.length + unreadable.length > 0 ? ['mend targets.postgres.suspects'] : []),
  ];
  const words = [
    `${tables.length - closed.length} of ${tables.length} ${what} can be explained`,
    ...(found.explainFunction ? ['latency_bot.explain_plan() explains without SELECT'] : []),
    ...(missing.length > 0 ? [`there is no table ${missing.map(({ name }) => name).join(', ')}`] : []),
    ...unreadable.map((name) => `the suspect "${name}" is not one statement that can be explained`),
  ];
  const sound = missing.length === 0 && unreadable.length === 0;
  const met = sound && (closed.length === 0 || found.explainFunction);
  return { id: 'postgres:explain', met, words: words.join('; '), remedy: met ? null : lines.join('; ') };
}

/** Null without suspects. */
async function tablesOf(
  suspects: Readonly<Record<string, string>>,
): Promise<{ wanted: TableName[] | null; unreadable: string[] }> {
  const wanted: TableName[] = [];
  const unreadable: string[] = [];
  for (const [name, text] of Object.entries(suspects)) {
    const shape = await statementShape(text);
    if (shape) wanted.push(...shape.tables);
    else unreadable.push(name);
  }
  return { wanted: Object.keys(suspects).length > 0 ? wanted : null, unreadable };
}
