import type { BackendTarget, LockRelease } from './backend-target.ts';

/** "3 min 10 s" for ages on cards. */
export function age(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1_000));
  if (seconds < 60) return `${seconds} s`;
  const [minutes, rest] = [Math.floor(seconds / 60), seconds % 60];
  if (minutes >= 60)
    return `${Math.floor(minutes / 60)} h${minutes % 60 === 0 ? '' : ` ${minutes % 60} min`}`;
  return rest === 0 ? `${minutes} min` : `${minutes} min ${rest} s`;
}

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'];

/** "8 kB", "1.5 GB", as PostgreSQL's pg_size_pretty() says it. */
export function size(bytes: number): string {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const value = bytes / 1_024 ** power;
  return `${value < 10 && power > 0 ? Number(value.toFixed(1)) : Math.round(value)} ${UNITS[power]}`;
}

/** "pid 4242, idle in transaction for 3 min 10 s, celery: reconcile_payments". */
export function describeBackend(target: BackendTarget): string {
  const doing = target.state === 'active' ? 'running one statement' : (target.state ?? 'in an unknown state');
  const since = target.ageMs === null ? '' : ` for ${age(target.ageMs)}`;
  return `pid ${target.pid}, ${doing}${since}, ${target.application || `role ${target.role}`}`;
}

/** The sessions that get on, and what is rolled back, one line each. */
export function describeRelease(release: LockRelease): string[] {
  const { freed, waitersTotal, waiters, rollsBackMs } = release;
  const lines = [
    waitersTotal === 0
      ? 'No session waits for its locks.'
      : `Frees ${freed} of ${waitersTotal} waiting ${waitersTotal === 1 ? 'session' : 'sessions'}.`,
  ];
  for (const { pid, application, waitMs, relation } of waiters.slice(0, 5)) {
    const waits = waitMs === null ? 'waits' : `waits ${age(waitMs)}`;
    lines.push(`pid ${pid} (${application || 'no name'}) ${waits}${relation ? ` on ${relation}` : ''}`);
  }
  if (waitersTotal > 5) lines.push(`and ${waitersTotal - 5} more`);
  lines.push(
    rollsBackMs === null
      ? 'No transaction is open.'
      : `Rolls back a transaction that has been open for ${age(rollsBackMs)}.`,
  );
  return lines;
}
