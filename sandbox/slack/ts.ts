import type { Workspace } from './workspace.ts';

/** A message id: seconds and microseconds, greater than every one before it in this workspace. */
export function nextTs(workspace: Workspace): string {
  const table = workspace.journal.table<number>('ts');
  const last = table.get('last') ?? 0;
  const micros = Math.max(workspace.clock() * 1000, last + 1);
  table.set('last', micros);
  return `${Math.floor(micros / 1_000_000)}.${String(micros % 1_000_000).padStart(6, '0')}`;
}

/** The order of two message ids; they must never be compared as numbers. */
export function compareTs(a: string, b: string): number {
  return key(a).localeCompare(key(b));
}

function key(ts: string): string {
  const [seconds = '', micros = ''] = ts.split('.');
  return `${seconds.padStart(12, '0')}.${micros.padEnd(6, '0')}`;
}
