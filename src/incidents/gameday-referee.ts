import type { NamedService } from '../config/schema.ts';
import { appendAudit } from '../store/audit.ts';
import type { Db } from '../store/database.ts';
import {
  finishGameday,
  type Gameday,
  type GamedayOutcome,
  joinIncident,
  markBroken,
  markRecovered,
  markSlow,
  openGamedays,
} from '../store/gamedays.ts';
import { findIncident, inIncident } from '../store/incidents.ts';
import { type MitigationState, mitigationsOf } from '../store/mitigations.ts';
import { addTimeline } from '../store/timeline.ts';
import { type Breakable, type GamedayRange, type IncidentDeps, serviceOf } from './deps.ts';
import { scoreOf } from './gameday-score.ts';

const LOOK_INTERVAL_MS = 1_000;
/** A lull is no recovery. */
const WELL_FOR_MS = 5_000;
/** Somebody has acted on it: it must not be broken again. */
const ACTED: readonly MitigationState[] = [
  'executing',
  'succeeded',
  'interrupted',
  'verified',
  'not-recovered',
];

/** What the referee remembers between two looks; a new process begins anew. */
export interface RefereeMemory {
  /** Game days that this process has seen broken. */
  seen: Set<number>;
  /** Those that clients have felt since then: what nobody has felt yet is no recovery. */
  felt: Set<number>;
  /** Since when clients have been served well, in milliseconds of `performance.now()`. */
  wellSince: Map<number, number>;
}

/** Watches over game days until it is stopped; those of an earlier process go on. */
export function startReferee(deps: IncidentDeps, range: GamedayRange): { stop(): Promise<void> } {
  const memory: RefereeMemory = { seen: new Set(), felt: new Set(), wellSince: new Map() };
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let current = Promise.resolve();
  const look = () => {
    current = refereeOnce(deps, range, memory)
      .catch((err) => deps.log.error({ err }, 'watching over game days'))
      .then(() => {
        if (!stopped) timer = setTimeout(look, LOOK_INTERVAL_MS);
      });
  };
  look();
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await current;
    },
  };
}

/** One look at every game day under way: breaks what is due, notes what clients feel, ends what is over. */
export async function refereeOnce(
  deps: IncidentDeps,
  range: GamedayRange,
  memory: RefereeMemory,
): Promise<void> {
  for (const gameday of await openGamedays(deps.db)) {
    const service = serviceOf(deps, gameday.service);
    const breakable = range.breakables.find(({ name }) => name === gameday.fault);
    if (!service) continue;
    if (!breakable) await finish(deps, gameday, undefined, 'could-not-break');
    else if (gameday.state === 'waiting') await breakIt(deps, gameday, breakable, memory);
    else await watch(deps, service, gameday, breakable, range, memory);
  }
}

async function breakIt(
  deps: IncidentDeps,
  gameday: Gameday,
  breakable: Breakable,
  memory: RefereeMemory,
): Promise<void> {
  if (!gameday.isDue) return;
  try {
    await breakable.on();
  } catch (err) {
    deps.log.error({ err, gamedayId: gameday.id }, 'breaking something for a game day');
    return finish(deps, gameday, breakable, 'could-not-break');
  }
  await markBroken(deps.db, gameday.id);
  memory.seen.add(gameday.id);
}

async function watch(
  deps: IncidentDeps,
  service: NamedService,
  before: Gameday,
  breakable: Breakable,
  range: GamedayRange,
  memory: RefereeMemory,
): Promise<void> {
  const { db } = deps;
  const gameday = before.incidentId === null ? await joinIncident(db, before) : before;
  // The sandbox ended with the process: what nobody has mended is broken again.
  if (!memory.seen.has(gameday.id)) {
    memory.seen.add(gameday.id);
    if (await isActedOn(db, gameday)) memory.felt.add(gameday.id);
    else if (!breakable.isOn()) await breakable.on();
  }
  const outcome = await outcomeOf(db, service, gameday, range, memory);
  if (outcome) await finish(deps, gameday, breakable, outcome);
}

async function isActedOn(db: Db, { incidentId }: Gameday): Promise<boolean> {
  if (incidentId === null) return false;
  return (await mitigationsOf(db, incidentId)).some(({ state }) => ACTED.includes(state));
}

/** How it ended; null while it goes on. */
async function outcomeOf(
  db: Db,
  service: NamedService,
  gameday: Gameday,
  range: GamedayRange,
  memory: RefereeMemory,
): Promise<GamedayOutcome | null> {
  const { baselineP95Ms, unhealthyErrorRatio } = service.thresholds;
  const { p95Ms, errorRate } = range.latency();
  const isSlow = (p95Ms ?? 0) > baselineP95Ms || errorRate > unhealthyErrorRatio;
  if (isSlow) {
    memory.felt.add(gameday.id);
    memory.wellSince.delete(gameday.id);
    if (gameday.slowAt === null) await markSlow(db, gameday.id);
  } else if (p95Ms !== null && memory.felt.has(gameday.id)) {
    const since = memory.wellSince.get(gameday.id) ?? performance.now();
    memory.wellSince.set(gameday.id, since);
    const forMs = performance.now() - since;
    if (forMs >= WELL_FOR_MS) {
      await markRecovered(db, gameday.id, forMs);
      return 'recovered';
    }
  }
  const incident = gameday.incidentId === null ? null : await findIncident(db, gameday.incidentId);
  if (incident?.state === 'resolved') return 'resolved';
  return gameday.isTimeUp ? 'time-up' : null;
}

/** Takes back what is left, and tells in the thread of the incident what it was and how it went. */
async function finish(
  deps: IncidentDeps,
  gameday: Gameday,
  breakable: Breakable | undefined,
  outcome: GamedayOutcome,
): Promise<void> {
  await breakable?.off();
  const { incidentId } = gameday;
  const end = async (db: Db) => {
    const over = await finishGameday(db, gameday.id, outcome);
    if (!over) return;
    const score = await scoreOf(db, over, breakable);
    if (incidentId !== null) await addTimeline(db, incidentId, 'gameday-over', 'latency-bot', { ...score });
    await appendAudit(db, {
      actor: 'latency-bot',
      kind: 'gameday.over',
      subject: `gameday:${gameday.id}`,
      body: { ...score, incident: incidentId },
    });
  };
  if (incidentId === null) await deps.db.transaction(end);
  else await inIncident(deps.db, incidentId, end);
}
