import type { IndexCandidate } from '../probes/index-candidate.ts';
import { modelOf } from '../runbook/known-relations.ts';
import type { Facts } from './facts.ts';

/** A name as SQL takes it; bare where PostgreSQL would leave it so, apart from its reserved words. */
export const sqlName = (name: string): string =>
  /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replace(/"/g, '""')}"`;

/** How to build an index by hand, and how to tell Django of it. */
export function indexAdvice(index: IndexCandidate): string[] {
  const { create, undo, existing, status } = index;
  if (status === 'being-built') {
    return [
      `${existing ?? 'The index'} is being built now: wait for it; pg_stat_progress_create_index shows how far it is.`,
    ];
  }
  const remains = status === 'invalid' && existing !== null ? `drop index concurrently ${existing};\n` : '';
  return [
    `Outside of a transaction, on a direct connection and not through PgBouncer:\nset statement_timeout = 0;\nset lock_timeout = 0;\n${remains}${create};\nUndo: ${undo};`,
    migration(index),
    ...(index.replaces.length > 0
      ? [
          `Afterwards ${index.replaces.join(', ')} may no longer be needed: the new index begins with the same columns.`,
        ]
      : []),
    ...(index.tooManyIndexes
      ? [`${index.table} has ${index.indexesOnTable} indexes already; every one of them slows writes down.`]
      : []),
  ];
}

// Without it Django would make the index a second time: AddIndexConcurrently of django.contrib.postgres.operations.
function migration({ table, columns, name }: IndexCandidate): string {
  const fields = columns.map((column) => `'${column.descending ? '-' : ''}${column.name}'`).join(', ');
  return `The migration that belongs to it (atomic = False in class Migration; once it is built, run it with --fake): AddIndexConcurrently('${modelOf(table)}', models.Index(fields=[${fields}], name='${name}'))`;
}

/** Fresh statistics, and autovacuum again where it is off. */
export function analyzeAdvice(table: string, autovacuumOff: boolean): string[] {
  return [
    `analyze ${table}; -- seconds, and nobody waits for it`,
    ...(autovacuumOff ? [`alter table ${table} set (autovacuum_enabled = true);`] : []),
  ];
}

/** Keeps autovacuum closer to a table that changes much. */
export const autovacuumAdvice = (table: string): string =>
  `For the next time: alter table ${table} set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);`;

/** More memory for the sorts of one role, in its next sessions. */
export function workMemAdvice(roles: readonly string[], facts: Facts): string[] {
  const setting = facts.reports['postgres-server']?.settings.find(({ name }) => name === 'work_mem');
  const now = setting ? ` (the server's default is ${setting.setting} ${setting.unit ?? 'kB'})` : '';
  return roles.map(
    (role) =>
      `alter role ${sqlName(role)} set work_mem = '64MB'; -- for its new sessions${now}; every sort and hash of every session may take that much`,
  );
}
