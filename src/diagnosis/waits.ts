import type { ActiveQueriesReport } from '../probes/active-queries.ts';
import type { Facts } from './facts.ts';
import { isRequest } from './places.ts';

type Activity = ActiveQueriesReport['activity'][number];

const WAL_LWLOCKS = /^WAL(Write|Sync|Insert)$/i;
/** Waits for fsync and for the write-ahead log; PostgreSQL 17 spells WalSync what was WALSync. */
const SYNC_EVENTS = /^(DataFile(Immediate)?Sync|WAL(Init)?(Sync|Write)|SLRUSync|ControlFileSync\w*)$/i;

/** Waits for the disk, and for the log that is being written to it. */
export const isIoWait = ({ waitType, event }: Activity): boolean =>
  waitType === 'IO' || (waitType === 'LWLock' && WAL_LWLOCKS.test(event));

/** Waits until something is safely on disk. */
export const isSyncWait = ({ waitType, event }: Activity): boolean =>
  (waitType === 'IO' && SYNC_EVENTS.test(event)) || (waitType === 'LWLock' && WAL_LWLOCKS.test(event));

/** Commits that wait for a synchronous standby. */
export const isStandbyWait = ({ waitType, event }: Activity): boolean =>
  waitType === 'IPC' && event === 'SyncRep';

export interface Waits {
  /** Average busy processes that wait so. */
  waiting: number;
  totalActive: number;
  /** Part of the busy processes; 0 when none is busy. */
  share: number;
  /** The events among them, the most frequent first. */
  events: string[];
}

/** How much of the database's activity waits in a certain way; null when nobody looked. */
export function waitsOf(facts: Facts, are: (row: Activity) => boolean): Waits | null {
  const report = facts.reports['active-queries'];
  if (!report) return null;
  const rows = report.activity.filter(are).sort((a, b) => b.averageActive - a.averageActive);
  const waiting = rows.reduce((sum, row) => sum + row.averageActive, 0);
  const { totalActive } = report;
  return {
    ...{ waiting, totalActive, share: totalActive > 0 ? waiting / totalActive : 0 },
    events: [...new Set(rows.map(({ event }) => event))].slice(0, 4),
  };
}

/** Requests in flight that wait so: sessions of the application, each request once. */
export function requestsWaiting(facts: Facts, are: (row: Activity) => boolean): number {
  const report = facts.reports['active-queries'];
  if (!report) return 0;
  const rows = report.activity.filter(({ role }) => facts.isApplication(role));
  const all = rows.reduce((sum, row) => sum + row.averageActive, 0);
  const requests = rows.filter((row) => isRequest(facts, row));
  const some = requests.filter(are).reduce((sum, row) => sum + row.averageActive, 0);
  return all > 0 ? (some / all) * report.applicationActive : 0;
}
