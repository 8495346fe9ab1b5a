import type { ActiveQueriesReport } from '../probes/active-queries.ts';
import type { PgbouncerReport } from '../probes/pgbouncer.ts';
import type { Facts } from './facts.ts';

export type Pool = PgbouncerReport['pools'][number];
type ActiveSession = ActiveQueriesReport['sessions'][number];

/** Sessions that keep a server connection of PgBouncer in a transaction and do nothing with it. */
export interface Holders {
  sessions: ActiveSession[];
  /** Of the server connections that were in use, 0 to 1. */
  part: number;
  /** Whether PgBouncer itself names their applications among the clients of that pool. */
  certain: boolean;
}

/** Who is idle in transaction on the server connections of a pool, the oldest first; null when nobody looked. */
export function holdersOf(facts: Facts, report: PgbouncerReport, pool: Pool): Holders | null {
  const active = facts.reports['active-queries'];
  if (!active) return null;
  const clients = report.clientGroups?.filter(
    ({ database, user }) => database === pool.database && user === pool.user,
  );
  const isClient = ({ application }: ActiveSession) =>
    clients?.some((group) => group.application === application) ?? false;
  const idle = active.sessions
    .filter(({ role, state }) => role === pool.user && state?.startsWith('idle in transaction'))
    .sort((a, b) => (b.stateAgeMs ?? 0) - (a.stateAgeMs ?? 0) || a.pid - b.pid);
  // Sessions of that role may also have come past PgBouncer.
  const known = idle.filter(isClient);
  const certain = clients !== undefined && known.length > 0;
  const sessions = certain || (report.clientGroupsLeftOut === 0 && clients !== undefined) ? known : idle;
  return {
    ...{ sessions, certain },
    part: pool.serversActive > 0 ? Math.min(1, sessions.length / pool.serversActive) : 0,
  };
}
