import { z } from 'zod';
import { TableRef, tableName } from './table-ref.ts';
import { age, size } from './words.ts';

const Column = z.object({ name: z.string().min(1).max(63), descending: z.boolean() });

/** A btree index on columns of one table: what was approved is built, and nothing else. */
export const IndexTarget = TableRef.extend({
  /** Of the index; its schema is that of the table. */
  name: z.string().min(1).max(63),
  columns: z.array(Column).min(1).max(8),
});
export type IndexTarget = z.infer<typeof IndexTarget>;

/** A transaction that a build would have to wait for. */
export const OlderTransaction = z.object({
  /** Null for a prepared transaction, which has no session any more. */
  pid: z.int().nullable(),
  name: z.string(),
  state: z.string(),
  ageMs: z.number(),
});
export type OlderTransaction = z.infer<typeof OlderTransaction>;

/** What building an index would do; null where only a look right before can tell. */
export const IndexDryRun = z.object({
  statement: z.string(),
  tableRows: z.number().nullable(),
  tableBytes: z.number(),
  estimatedBytes: z.number().nullable(),
  estimatedMs: z.number().nullable(),
  /** Transactions open now that it would wait for. */
  waitsFor: z.array(OlderTransaction).nullable(),
  /** Of the disk of PostgreSQL, where its machine can be looked at; else why not. */
  freeBytes: z.number().nullable(),
  freeUnknown: z.string().nullable(),
  /** Indexes of the same columns that are there but invalid. */
  invalid: z.array(z.string()),
});
export type IndexDryRun = z.infer<typeof IndexDryRun>;

// A build reads the table twice and sorts its rows once. Rates of one busy core and a modest disk; a quick machine is
// several times faster.
const READ_BYTES_PER_MS = 100_000;
const ROWS_PER_MS = 400;

/** Roughly how long a build takes, without the transactions that it waits for. */
export function buildMs(tableBytes: number, tableRows: number | null): number {
  return (2 * tableBytes) / READ_BYTES_PER_MS + (tableRows ?? 0) / ROWS_PER_MS;
}

/** "payments_payment (account_id, created_at desc)" */
export function describeIndex({ schema, table, name, columns }: IndexTarget): string {
  const keys = columns.map((one) => `${one.name}${one.descending ? ' desc' : ''}`).join(', ');
  return `index ${name} on ${tableName({ schema, table })} (${keys})`;
}

/** The dry run of a build in lines. */
export function describeBuild(dryRun: IndexDryRun): string[] {
  const { statement, tableRows, tableBytes, estimatedBytes, estimatedMs, waitsFor, invalid } = dryRun;
  const rows = tableRows === null ? '' : `, ${Math.round(tableRows)} rows`;
  return [
    statement,
    `The table has ${size(tableBytes)}${rows}; the index will have about ${estimatedBytes === null ? 'an unknown size' : size(estimatedBytes)} (an estimate).`,
    `It takes about ${estimatedMs === null ? 'an unknown time' : age(estimatedMs)} (an estimate), and waits for older transactions on top.`,
    'Locks: SHARE UPDATE EXCLUSIVE on the table. Reads and writes go on; DDL and vacuum of this table wait.',
    ...(waitsFor === null ? [] : [waits(waitsFor)]),
    freeWords(dryRun),
    ...invalid.map((name) => `${name} has the same columns, but is invalid: its build never finished.`),
  ];
}

function waits(waitsFor: readonly OlderTransaction[]): string {
  const [oldest] = waitsFor;
  if (!oldest) return 'No open transaction is in its way now.';
  const many = waitsFor.length === 1 ? '1 open transaction' : `${waitsFor.length} open transactions`;
  return `It would wait for ${many} now, the oldest ${transactionWords(oldest)}.`;
}

/** "pid 42 (celery, idle in transaction), open for 3 min" */
export function transactionWords({ pid, name, state, ageMs }: OlderTransaction): string {
  const who =
    pid === null ? `the prepared transaction ${name}` : `pid ${pid} (${name || 'no name'}, ${state})`;
  return `${who}, open for ${age(ageMs)}`;
}

function freeWords({ freeBytes, freeUnknown }: IndexDryRun): string {
  if (freeBytes !== null) return `${size(freeBytes)} are free on the disk of PostgreSQL.`;
  return `How much of its disk is free is unknown: ${freeUnknown ?? 'nobody has looked yet'}.`;
}
