import { z } from 'zod';

/** One table, as it was when the change was proposed: another one of the same name has another oid. */
export const TableRef = z.object({ oid: z.string().regex(/^\d+$/), schema: z.string(), table: z.string() });
export type TableRef = z.infer<typeof TableRef>;

/** "public.payments_payment" */
export const tableName = ({ schema, table }: Pick<TableRef, 'schema' | 'table'>): string =>
  `${schema}.${table}`;

/** Why the table is no longer the one that was shown; null when it is. */
export function tableChange(
  target: TableRef,
  now: { schema: string; table: string } | undefined,
): string | null {
  if (!now) return `the table ${tableName(target)} is gone`;
  if (now.schema === target.schema && now.table === target.table) return null;
  return `the table ${tableName(target)} is called ${tableName(now)} by now`;
}
