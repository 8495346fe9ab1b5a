import type { Session } from '../targets/backend.ts';

/** "420 ms", "4.2 s", "3 min 10 s", "2 h 5 min". */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 9_950) return `${Number((ms / 1_000).toFixed(1))} s`;
  if (ms < 59_500) return `${Math.round(ms / 1_000)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 3_600) return withRest(Math.floor(seconds / 60), 'min', seconds % 60, 's');
  const minutes = Math.round(seconds / 60);
  return withRest(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
}

function withRest(whole: number, unit: string, rest: number, restUnit: string): string {
  return rest === 0 ? `${whole} ${unit}` : `${whole} ${unit} ${rest} ${restUnit}`;
}

/** "86 %"; below one percent with a decimal, so that a little is not nothing. */
export function percent(share: number): string {
  const value = share * 100;
  return `${value > 0 && value < 1 ? value.toFixed(1) : Math.round(value)} %`;
}

/** "1 session waits", "11 sessions wait". */
export function count(n: number, one: string, many: string): string {
  return `${n} ${n === 1 ? one : many}`;
}

/** "pid 4242 (celery: reconcile_payments)"; the role where the application gives no name. */
export function sessionName(session: Pick<Session, 'pid' | 'application' | 'role'>): string {
  return `pid ${session.pid} (${session.application || `role ${session.role}`})`;
}

/** A short decimal for averages: "10.8", "0.25". */
export function decimal(value: number): string {
  return value >= 10 ? value.toFixed(1) : String(Number(value.toFixed(2)));
}

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'];

/** A size as PostgreSQL's pg_size_pretty() says it: "8 kB", "1.5 GB". */
export function bytes(size: number): string {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log2(Math.max(1, size)) / 10));
  const value = size / 1_024 ** power;
  return `${value < 10 && power > 0 ? Number(value.toFixed(1)) : Math.round(value)} ${UNITS[power]}`;
}
