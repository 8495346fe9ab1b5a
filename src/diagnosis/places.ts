import type { Reports } from '../probes/index.ts';
import { isNamedCelery } from './celery-work.ts';
import type { Place } from './diagnosis.ts';
import type { Facts } from './facts.ts';
import { hostOf } from './hosts.ts';

/** Requests in flight that were at a place, or why nobody can say. */
export type Sighting = { inFlight: number } | { blind: string };

/** Writing to the log is I/O, though PostgreSQL counts it among its light-weight locks. */
const IO_LWLOCKS = new Set(['WALWrite', 'WALSync', 'WALInsert']);

/** A PING takes well under a millisecond; from here on it waits behind something, and counts in slowRatio. */
const QUICK_PING_MS = 10;
/** Commands that are no request's wait: those of monitoring, and those that wait for work. */
const NOT_OF_REQUESTS =
  /^(ping|info|b[lrz](pop|move|mpop|popmin|popmax|poplpush)|(client|config|latency|memory|slowlog)\|)/;

/** Whether a session is a request of the API: not Celery, though it may share its role, and no background worker */
export function isRequest(facts: Facts, session: { role: string; application: string }): boolean {
  return session.role !== '' && facts.isApplication(session.role) && !isNamedCelery(session);
}

/** Connections that waited to be accepted by a worker: the listen queue, sampled. */
export function workerQueue(facts: Facts): Sighting {
  const report = facts.reports['gunicorn-workers'];
  if (!report) return { blind: facts.missing('gunicorn-workers').reason };
  return report.backlog
    ? { inFlight: report.backlog.average }
    : { blind: 'the listen queue of Gunicorn could not be read' };
}

/**
 * Requests that a worker had accepted, sampled; null where busy workers cannot be told from idle ones. Not exact where a
 * worker may only keep the connection of a client open.
 */
export function busyWorkers(facts: Facts): { average: number; exact: boolean } | null {
  const busy = facts.reports['gunicorn-workers']?.busy;
  return busy ? { average: busy.average, exact: busy.certainty === 'exact' } : null;
}

/** Clients of PgBouncer that waited for a server connection, sampled. They are in no session of PostgreSQL yet. */
export function poolWait(facts: Facts): Sighting {
  const report = facts.reports.pgbouncer;
  if (!report) return { blind: facts.missing('pgbouncer').reason };
  const pools = report.pools.filter(({ user }) => facts.isApplication(user));
  const waiting = (report.clientGroups ?? []).filter(
    ({ state, user }) => state === 'waiting' && facts.isApplication(user),
  );
  const clients = sum(waiting.map(({ count }) => count));
  const celery = sum(
    waiting.filter((one) => isNamedCelery({ ...one, role: one.user })).map(({ count }) => count),
  );
  const requests = clients > 0 ? 1 - celery / clients : 1;
  return { inFlight: sum(pools.map(({ averageWaiting }) => averageWaiting)) * requests };
}

/**
 * CPU that the workers had: one core is one request at work. Where the machine or the limit of its container leaves
 * none over, those that stood in line for it count as well; elsewhere one look at who is runnable would be chance.
 */
export function appCpu(facts: Facts): Sighting {
  const report = facts.reports['gunicorn-workers'];
  if (!report) return { blind: facts.missing('gunicorn-workers').reason };
  const idle = report.headroom?.idleRatio ?? null;
  const limited = (hostOf(facts, 'api')?.cgroup?.cpuLimitCores ?? null) !== null;
  const crowded = idle === null || idle < facts.service.thresholds.spareCpuRatio || limited;
  const runnable = report.workers.filter(({ state }) => state === 'R').length;
  return { inFlight: crowded ? Math.max(report.cpuCores, runnable) : report.cpuCores };
}

/**
 * Requests that waited for Redis. While it is quick, by Little's law: commands a second times the time that one takes.
 * While it stalls, those that are seen nowhere else (`others`) are behind it, but never more than commands were sent,
 * each waiting as long as the longest.
 */
export function redisWait(facts: Facts, others: number): Sighting {
  const report = facts.reports.redis;
  if (!report) return { blind: facts.missing('redis').reason };
  const { ping } = report;
  const slow = ping.slowRatio ?? 0;
  const perSecond = requestCommands(report);
  const quickMs = Math.min(ping.p50Ms ?? 0, QUICK_PING_MS);
  const flowing = (perSecond ?? 0) * (1 - slow) * (quickMs / 1_000);
  // Commands that still wait at the end of the window are in no count.
  const most = perSecond === null || ping.unanswered > 0 ? others : perSecond * ((ping.maxMs ?? 0) / 1_000);
  return { inFlight: Math.min(others, flowing + Math.min(slow * others, most)) };
}

/** Commands a second that requests may have sent; null where Redis did not say how many there were. */
function requestCommands({ ping, change }: Reports['redis']): number | null {
  if (!change || change.opsPerSecond === null || change.windowMs <= 0) return null;
  const foreign = change.commands.filter(({ command }) => NOT_OF_REQUESTS.test(command));
  const own = foreign.some(({ command }) => command === 'ping') ? 0 : ping.sent / (change.windowMs / 1_000);
  const others = sum(foreign.map(({ callsPerSecond }) => callsPerSecond));
  return Math.max(0, change.opsPerSecond - own - others);
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
  for (const { waitType, event, averageActive } of rows.filter((row) => isRequest(facts, row))) {
    const place = placeOf(waitType, event);
    // Parallel workers shift the split, but a request stays one request. Celery's part is left out here, not before:
    // applicationActive counts its sessions, too, where it shares the role of the API.
    const share = processes > 0 ? (averageActive / processes) * active.applicationActive : 0;
    requests.set(place, (requests.get(place) ?? 0) + share);
  }
  return new Map([...requests].map(([place, inFlight]) => [place, { inFlight }]));
}

/** Sessions of the application that wait for a lock at the end of the window; null when nobody looked. */
export function applicationWaiters(facts: Facts) {
  const tree = facts.reports['lock-tree'];
  if (!tree) return null;
  return tree.nodes.filter((node) => node.blockedBy.length > 0 && isRequest(facts, node));
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
