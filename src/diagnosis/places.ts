import type { Place } from './diagnosis.ts';
import type { Facts } from './facts.ts';

/** Requests in flight that were at a place, or why nobody can say. */
export type Sighting = { inFlight: number } | { blind: string };

/** Writing to the log is I/O, though PostgreSQL counts it among its light-weight locks. */
const IO_LWLOCKS = new Set(['WALWrite', 'WALSync', 'WALInsert']);

/** Connections that waited to be accepted by a worker: the listen queue, sampled. */
export function workerQueue(facts: Facts): Sighting {
  const report = facts.reports['gunicorn-workers'];
  if (!report) return { blind: facts.missing('gunicorn-workers').reason };
  return report.backlog
    ? { inFlight: report.backlog.average }
    : { blind: 'the listen queue of Gunicorn could not be read' };
}

/** Requests that a worker had accepted, sampled; null where busy workers cannot be told from idle ones. */
export function busyWorkers(facts: Facts): number | null {
  return facts.reports['gunicorn-workers']?.busy?.average ?? null;
}

/** Clients of PgBouncer that waited for a server connection, sampled. */
export function poolWait(facts: Facts): Sighting {
  const report = facts.reports.pgbouncer;
  if (!report) return { blind: facts.missing('pgbouncer').reason };
  const pools = report.pools.filter(({ user }) => facts.isApplication(user));
  return { inFlight: sum(pools.map(({ averageWaiting }) => averageWaiting)) };
}

/** CPU that the workers had, or stood in line for: one core is one request at work. */
export function appCpu(facts: Facts): Sighting {
  const report = facts.reports['gunicorn-workers'];
  if (!report) return { blind: facts.missing('gunicorn-workers').reason };
  const runnable = report.workers.filter(({ state }) => state === 'R').length;
  return { inFlight: Math.max(report.cpuCores, runnable) };
}

/**
 * Requests that waited for Redis, by Little's law: commands a second times the time that one takes. While Redis answers
 * nobody, no command completes; then `others`, the requests that are seen nowhere else, are behind it for that share of
 * the time.
 */
export function redisWait(facts: Facts, others: number): Sighting {
  const report = facts.reports.redis;
  if (!report) return { blind: facts.missing('redis').reason };
  const { ping, change } = report;
  const own = change && change.windowMs > 0 ? ping.sent / (change.windowMs / 1_000) : 0;
  const perSecond = Math.max(0, (change?.opsPerSecond ?? 0) - own);
  const flowing = perSecond * ((ping.meanMs ?? 0) / 1_000);
  return { inFlight: Math.min(others, Math.max(flowing, (ping.slowRatio ?? 0) * others)) };
}

/** Requests that were in the database, by what they did there. */
export function databasePlaces(facts: Facts): Map<Place, Sighting> {
  const active = facts.reports['active-queries'];
  if (!active) {
    const { reason } = facts.missing('active-queries');
    const waiting = applicationWaiters(facts);
    return new Map<Place, Sighting>([
      ['lock-wait', waiting === null ? { blind: reason } : { inFlight: waiting.length }],
      ['db-io', { blind: reason }],
      ['db-cpu', { blind: reason }],
    ]);
  }
  const rows = active.activity.filter(({ role }) => facts.isApplication(role));
  const processes = sum(rows.map(({ averageActive }) => averageActive));
  const requests = new Map<Place, number>([
    ['lock-wait', 0],
    ['db-io', 0],
    ['db-cpu', 0],
  ]);
  for (const { waitType, event, averageActive } of rows) {
    const place = placeOf(waitType, event);
    // Parallel workers shift the split, but a request stays one request.
    const share = processes > 0 ? (averageActive / processes) * active.applicationActive : 0;
    requests.set(place, (requests.get(place) ?? 0) + share);
  }
  return new Map([...requests].map(([place, inFlight]) => [place, { inFlight }]));
}

/** Sessions of the application that wait for a lock at the end of the window; null when nobody looked. */
export function applicationWaiters(facts: Facts) {
  const tree = facts.reports['lock-tree'];
  if (!tree) return null;
  return tree.nodes.filter((node) => node.blockedBy.length > 0 && facts.isApplication(node.role));
}

function placeOf(waitType: string, event: string): Place {
  if (waitType === 'Lock') return 'lock-wait';
  if (waitType === 'IO' || (waitType === 'LWLock' && IO_LWLOCKS.has(event))) return 'db-io';
  // Contention inside the server, and waiting for one's own parallel workers.
  if (waitType === 'CPU' || waitType === 'LWLock' || waitType === 'BufferPin' || waitType === 'IPC')
    return 'db-cpu';
  return 'unknown';
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
