import { type Ledger, PLACES, type Place } from './diagnosis.ts';
import type { Facts } from './facts.ts';

/** Writing to the log is I/O, though PostgreSQL counts it among its light-weight locks. */
const IO_LWLOCKS = new Set(['WALWrite', 'WALSync', 'WALInsert']);

const NOT_MEASURED: Place[] = ['worker-queue', 'pool-wait', 'redis', 'app-cpu', 'outside'];

/** Splits the average number of requests in flight over the places where they were (design, section 2). */
export function buildLedger(facts: Facts): Ledger {
  const fromCompletions = facts.reports['api-latency']?.inFlight ?? null;
  const seen = databasePlaces(facts);
  const fromStates = seen === null ? null : sum([...seen.values()]);
  // Requests that hang do not complete, and requests outside the database show no state: the larger count misses less.
  const totalInFlight = Math.max(fromCompletions ?? 0, fromStates ?? 0);
  const places = new Map(seen);
  places.set('unknown', (places.get('unknown') ?? 0) + Math.max(0, totalInFlight - (fromStates ?? 0)));
  return {
    totalInFlight,
    entries: [...places]
      .map(([place, inFlight]) => ({ place, inFlight }))
      .sort((a, b) => b.inFlight - a.inFlight || PLACES.indexOf(a.place) - PLACES.indexOf(b.place)),
    blind: blindPlaces(facts),
    fromCompletions,
    fromStates,
  };
}

/** Requests in flight that were at a place in the database; null when nobody looked. */
function databasePlaces(facts: Facts): Map<Place, number> | null {
  const active = facts.reports['active-queries'];
  if (!active) {
    const waiting = applicationWaiters(facts);
    return waiting === null ? null : new Map([['lock-wait', waiting.length]]);
  }
  const rows = active.activity.filter(({ role }) => facts.isApplication(role));
  const processes = sum(rows.map(({ averageActive }) => averageActive));
  const places = new Map<Place, number>([
    ['lock-wait', 0],
    ['db-io', 0],
    ['db-cpu', 0],
  ]);
  for (const { waitType, event, averageActive } of rows) {
    const place = placeOf(waitType, event);
    // Parallel workers shift the split, but a request stays one request.
    const requests = processes > 0 ? (averageActive / processes) * active.applicationActive : 0;
    places.set(place, (places.get(place) ?? 0) + requests);
  }
  return places;
}

function placeOf(waitType: string, event: string): Place {
  if (waitType === 'Lock') return 'lock-wait';
  if (waitType === 'IO' || (waitType === 'LWLock' && IO_LWLOCKS.has(event))) return 'db-io';
  // Contention inside the server, and waiting for one's own parallel workers.
  if (waitType === 'CPU' || waitType === 'LWLock' || waitType === 'BufferPin' || waitType === 'IPC')
    return 'db-cpu';
  return 'unknown';
}

function blindPlaces(facts: Facts): Ledger['blind'] {
  const blind = NOT_MEASURED.map((place) => ({ place, reason: 'not measured by this run' }));
  if (facts.reports['active-queries']) return blind;
  const { reason } = facts.missing('active-queries');
  blind.push({ place: 'db-io', reason }, { place: 'db-cpu', reason });
  if (!facts.reports['lock-tree']) blind.push({ place: 'lock-wait', reason });
  return blind;
}

function applicationWaiters(facts: Facts) {
  const tree = facts.reports['lock-tree'];
  if (!tree) return null;
  return tree.nodes.filter((node) => node.blockedBy.length > 0 && facts.isApplication(node.role));
}

/**
 * The requests in flight at `lock-wait`, split by the root they wait under. One that waits under two roots counts
 * half for each, so that the shares add up.
 */
export function lockWaitByRoot(facts: Facts, ledger: Ledger): Map<number, number> {
  const waiters = applicationWaiters(facts) ?? [];
  const waitingInFlight = ledger.entries.find(({ place }) => place === 'lock-wait')?.inFlight ?? 0;
  const roots = facts.reports['lock-tree']?.roots ?? [];
  const byRoot = new Map<number, number>();
  for (const waiter of waiters) {
    const above = roots.filter((root) => root.waiters.includes(waiter.pid));
    for (const { pid } of above) {
      byRoot.set(pid, (byRoot.get(pid) ?? 0) + waitingInFlight / waiters.length / above.length);
    }
  }
  return byRoot;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
