import { type Ledger, PLACES, type Place } from './diagnosis.ts';
import type { Facts } from './facts.ts';
import {
  appCpu,
  applicationWaiters,
  busyWorkers,
  databasePlaces,
  poolWait,
  redisWait,
  type Sighting,
  workerQueue,
} from './places.ts';

/**
 * Splits the average number of requests in flight over the places where they were (design, section 2). Its entries add up
 * to the total. A request that a worker holds and that is neither in the database, nor waits for it, for Redis or for the
 * CPU, is in an outside call; where one of these could not be seen, it is `unknown` instead.
 */
export function buildLedger(facts: Facts): Ledger {
  const direct: [Place, Sighting][] = [
    ...databasePlaces(facts),
    ['worker-queue', workerQueue(facts)],
    ['pool-wait', poolWait(facts)],
  ];
  const places = new Map(direct.map(([place, seen]) => [place, within(seen, Number.POSITIVE_INFINITY)]));
  const inside = () =>
    sum([...places].map(([place, seen]) => (place === 'worker-queue' ? 0 : amountOf(seen))));
  const fromCompletions = facts.reports['api-latency']?.inFlight ?? null;
  const inDatabase = isDatabaseSeen(facts) ? inside() : null;
  const sampled = busyWorkers(facts);
  // A sync worker holds one request at a time, so busy workers count exactly. Without them: requests that hang do not
  // complete, and requests outside the database show no state, so the larger count misses less.
  const held = Math.max(sampled?.average ?? fromCompletions ?? 0, inside());
  const certain = sampled?.exact ? held : Math.max(Math.min(held, fromCompletions ?? 0), inside());
  const rest = () => Math.max(0, held - inside());
  places.set('app-cpu', within(appCpu(facts), rest()));
  places.set('redis', within(redisWait(facts, rest()), rest()));

  const left = rest();
  const sure = Math.max(0, certain - inside());
  const outside = outsideOf(facts, places, sampled !== null, left - sure > sure);
  if ('blind' in outside) add(places, 'unknown', left);
  else add(places, 'unknown', left - sure);
  places.set('outside', 'blind' in outside ? outside : { inFlight: sure });

  const seen = [...places].flatMap(([place, sight]) =>
    'inFlight' in sight ? [{ place, inFlight: sight.inFlight }] : [],
  );
  return {
    totalInFlight: sum(seen.map(({ inFlight }) => inFlight)),
    entries: seen.sort(
      (a, b) => b.inFlight - a.inFlight || PLACES.indexOf(a.place) - PLACES.indexOf(b.place),
    ),
    blind: PLACES.flatMap((place) => {
      const sight = places.get(place);
      return sight && 'blind' in sight ? [{ place, reason: sight.blind }] : [];
    }),
    fromCompletions,
    fromStates: sampled?.average ?? inDatabase,
    statesOf: sampled ? 'workers' : inDatabase === null ? null : 'database',
  };
}

/** Average requests in flight at a place; 0 where nobody saw any. */
export function inFlightAt(ledger: Ledger, ...places: readonly Place[]): number {
  return sum(ledger.entries.filter(({ place }) => places.includes(place)).map(({ inFlight }) => inFlight));
}

/**
 * Requests at a place together with those that wait for a worker meanwhile: whatever holds the workers holds up the
 * queue before them, in the same measure.
 */
export function withQueue(inFlight: number, ledger: Ledger): number {
  const held = ledger.totalInFlight - inFlightAt(ledger, 'worker-queue');
  return held > 0 ? (inFlight / held) * ledger.totalInFlight : inFlight;
}

function isDatabaseSeen({ reports }: Facts): boolean {
  return reports['active-queries'] !== undefined || reports['lock-tree'] !== undefined;
}

/** Only what was looked at and found nowhere else is outside. What is not configured is taken as not there. */
function outsideOf(
  facts: Facts,
  places: ReadonlyMap<Place, Sighting>,
  sampled: boolean,
  mostlyUnsure: boolean,
): Sighting {
  if (!sampled) {
    const { reason } = facts.missing('gunicorn-workers');
    return { blind: facts.reports['gunicorn-workers'] ? UNTOLD : reason };
  }
  if (!facts.reports['active-queries']) return { blind: facts.missing('active-queries').reason };
  for (const [place, probe] of [
    ['pool-wait', 'pgbouncer'],
    ['redis', 'redis'],
  ] as const) {
    const sight = places.get(place);
    if (sight && 'blind' in sight && facts.missing(probe).status === 'failed') return sight;
  }
  return mostlyUnsure ? { blind: UNTOLD } : { inFlight: 0 };
}

const UNTOLD = 'busy workers cannot be told from idle ones';

/** At most this many; a counter that was reset in the window may have gone back, but nobody was there less than never. */
function within(sight: Sighting, most: number): Sighting {
  return 'inFlight' in sight ? { inFlight: Math.max(0, Math.min(most, sight.inFlight)) } : sight;
}

function add(places: Map<Place, Sighting>, place: Place, inFlight: number): void {
  const before = places.get(place);
  places.set(place, { inFlight: (before ? amountOf(before) : 0) + inFlight });
}

function amountOf(sight: Sighting): number {
  return 'inFlight' in sight ? sight.inFlight : 0;
}

/**
 * The requests in flight at `lock-wait`, split by the root they wait under. One that waits under two roots counts
 * half for each, so that the shares add up.
 */
export function lockWaitByRoot(facts: Facts, ledger: Ledger): Map<number, number> {
  const waiters = applicationWaiters(facts) ?? [];
  const waitingInFlight = inFlightAt(ledger, 'lock-wait');
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
