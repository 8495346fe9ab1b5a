import type { Examinable } from './requirement.ts';

/** What may be asked of the admin console; never SHOW FDS, which blocks PgBouncer. */
export type Show = 'POOLS' | 'CLIENTS' | 'SERVERS' | 'STATS' | 'DATABASES' | 'CONFIG' | 'LISTS' | 'VERSION';

/** PgBouncer's admin console, on one connection. */
export interface PgBouncerTarget extends Examinable {
  /** Rows of a SHOW, every value as text. */
  show(what: Show, signal: AbortSignal): Promise<Record<string, string | null>[]>;
  close(): Promise<void>;
}
