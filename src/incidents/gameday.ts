import { appendAudit } from '../store/audit.ts';
import { type Gameday, insertGameday, lastGamedayOf } from '../store/gamedays.ts';
import { openIncidentOf } from '../store/incidents.ts';
import type { GamedayRange, IncidentDeps } from './deps.ts';
import { groupsOfPolicy, mayRequest, type Refusal } from './policy.ts';

/** Nobody should see it coming, nor wait long for it. */
const EARLIEST_MS = 5_000;
const LATEST_MS = 20_000;
/** Broken for no longer than this: a game day that everybody forgot ends by itself. */
const LIMIT_MS = 15 * 60_000;

export type GamedayRefusal =
  | Refusal
  | { refused: 'not-the-sandbox' }
  | { refused: 'nothing-to-break' }
  | { refused: 'gameday-under-way' }
  | { refused: 'incident-open'; incidentId: number };

/**
 * Chooses what will break and when, and keeps both to itself; the referee does the rest. `random` gives numbers from 0
 * to 1. The last game day comes with it: one that nobody noticed has no thread to be told in.
 */
export async function startGameday(
  deps: IncidentDeps,
  wanted: { service: string; userId: string },
  random: () => number = Math.random,
): Promise<{ gameday: Gameday; last: Gameday | null } | GamedayRefusal> {
  const { db, gameday: range } = deps;
  const service = deps.services.get(wanted.service);
  if (!range) return { refused: 'not-the-sandbox' };
  if (!service) return { refused: 'not-found' };
  const person = await deps.people.lookUp(wanted.userId, groupsOfPolicy(service.approvals)).catch((err) => {
    deps.log.warn({ err, slackUserId: wanted.userId }, 'looking up a person');
    return null;
  });
  const refusal = person ? mayRequest(service.approvals, person) : { refused: 'people-unknown' as const };
  if (refusal) return refusal;
  const open = await openIncidentOf(db, service.id);
  // The time to notice could not be told of an incident that is open already.
  if (open) return { refused: 'incident-open', incidentId: open.id };
  const last = await lastGamedayOf(db, service.id);
  const fault = choose(range, last?.fault ?? null, random());
  if (fault === null) return { refused: 'nothing-to-break' };
  const delayMs = Math.round(EARLIEST_MS + random() * (LATEST_MS - EARLIEST_MS));
  return db.transaction(async (tx) => {
    const values = { service: service.id, startedBy: wanted.userId, fault, delayMs, limitMs: LIMIT_MS };
    const gameday = await insertGameday(tx, values);
    if (!gameday) return { refused: 'gameday-under-way' as const };
    await appendAudit(tx, {
      actor: wanted.userId,
      kind: 'gameday.started',
      subject: `gameday:${gameday.id}`,
      body: { service: service.id, fault },
    });
    return { gameday, last };
  });
}

/** Any that is off, but not the same twice in a row while there is another. */
function choose({ breakables }: GamedayRange, last: string | null, random: number): string | null {
  const off = breakables.filter((one) => !one.isOn()).map(({ name }) => name);
  const fresh = off.filter((name) => name !== last);
  const among = fresh.length > 0 ? fresh : off;
  return among[Math.min(among.length - 1, Math.floor(random * among.length))] ?? null;
}
