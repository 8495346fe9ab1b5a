import type { Ledger, Place } from '../diagnosis/diagnosis.ts';
import { LIMITS } from './kit.ts';
import { clip, escapeText, joinLines, percent } from './text.ts';

/** At most 20 characters: they are labels of charts. */
const PLACE_NAMES: Record<Place, string> = {
  'worker-queue': 'Queue for a worker',
  'pool-wait': 'Queue at PgBouncer',
  'lock-wait': 'Lock wait',
  'db-io': 'Database I/O',
  'db-cpu': 'Database CPU',
  redis: 'Redis',
  'app-cpu': 'CPU of the API',
  outside: 'Outside calls',
  unknown: 'Unknown',
};
/** Below this share of the requests a place is not worth a word. */
const WORTH_A_WORD = 0.05;
const MAX_PLACES = 4;
/** Two counts of the same requests, sampled and completed, differ by this much by chance. */
const CHANCE = { requests: 1, ratio: 0.25 };

export function placeName(place: Place): string {
  return PLACE_NAMES[place];
}

/** Average requests in flight that a ledger has at a place. */
export function requestsAt({ entries }: Ledger, place: Place): number {
  return entries.filter((entry) => entry.place === place).reduce((sum, { inFlight }) => sum + inFlight, 0);
}

/** "Lock wait 85 %, Database CPU 6 %": where requests spend their time, the greatest first; empty when there is none. */
export function whereTheTimeGoes(ledger: Ledger): string {
  const { entries, totalInFlight: total } = ledger;
  if (!(total > 0)) return '';
  return [...entries]
    .sort((a, b) => b.inFlight - a.inFlight)
    .filter(({ inFlight }) => inFlight / total >= WORTH_A_WORD)
    .slice(0, MAX_PLACES)
    .map(({ place, inFlight }) => `${placeName(place)} ${percent(inFlight / total)}`)
    .join(', ');
}

/** How many requests were in flight, how far the two counts agree, and what nobody saw. */
export function ledgerNote(ledger: Ledger): string {
  const total = `${ledger.totalInFlight.toFixed(1)} requests in flight on average.${agreement(ledger)}`;
  return joinLines([total, ...blindLines(ledger)], LIMITS.field);
}

/** One sentence about the two ways of counting; nothing where there is but one. */
function agreement({ fromCompletions, fromStates, statesOf }: Ledger): string {
  if (fromCompletions === null || fromStates === null || statesOf === null) return '';
  const completed = fromCompletions.toFixed(1);
  const seen = `${fromStates.toFixed(1)} by ${statesOf === 'workers' ? 'busy workers' : 'sessions busy in the database'}`;
  const chance = Math.max(CHANCE.requests, CHANCE.ratio * Math.max(fromCompletions, fromStates));
  if (Math.abs(fromCompletions - fromStates) <= chance)
    return ` Both counts agree: ${completed} by completed requests, ${seen}.`;
  if (fromStates > fromCompletions)
    return ` Only ${completed} by completed requests, but ${seen}: they hang and do not complete.`;
  return statesOf === 'database'
    ? ` ${completed} by completed requests, ${seen}: the others were elsewhere.`
    : ` ${completed} by completed requests, but ${seen}: long ones have just ended, or another machine serves, too.`;
}

/** Places that were not seen, those with the same reason together. */
function blindLines({ blind }: Ledger): string[] {
  const reasons = [...new Set(blind.map(({ reason }) => reason))];
  const groups = reasons.map((reason) => {
    const places = blind.filter((one) => one.reason === reason).map(({ place }) => placeName(place));
    return `${places.join(', ')} (${escapeText(clip(reason, 120))})`;
  });
  return groups.length > 0 ? [`*Not seen:* ${groups.join('; ')}`] : [];
}

/** How many requests were in flight before and after, and which places only one of the two looks saw. */
export function comparisonNote(before: Ledger, after: Ledger): string {
  const unseen = (one: Ledger, other: Ledger, when: string) => {
    const blindToOther = new Set(other.blind.map(({ place }) => place));
    const places = one.blind
      .filter(({ place }) => !blindToOther.has(place))
      .map(({ place }) => placeName(place));
    return places.length > 0 ? [`*Not seen ${when}:* ${places.join(', ')}`] : [];
  };
  const total = `${before.totalInFlight.toFixed(1)} requests in flight before, ${after.totalInFlight.toFixed(1)} after.`;
  return [total, ...unseen(before, after, 'before'), ...unseen(after, before, 'after')].join(' ');
}
