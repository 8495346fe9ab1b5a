import type { Db } from '../store/database.ts';
import { type Gameday, type GamedayOutcome, responsesTo } from '../store/gamedays.ts';
import { runsOf } from '../store/runs.ts';
import type { Breakable } from './deps.ts';

/** What a game day came to; times are seconds since it broke, null for what did not happen. */
export interface GamedayScore {
  outcome: GamedayOutcome;
  fault: string;
  title: string;
  slowS: number | null;
  acknowledgedS: number | null;
  decidedS: number | null;
  recoveredS: number | null;
  /** What the first diagnosis named first. */
  named: string | null;
  causes: string[];
}

/** Reads off the store how a game day that is over went. */
export async function scoreOf(
  db: Db,
  gameday: Gameday,
  breakable: Breakable | undefined,
): Promise<GamedayScore> {
  const { acknowledgedAt, decidedAt } = await responsesTo(db, gameday.id);
  const { brokenAt } = gameday;
  const seconds = (at: Date | null) =>
    at === null || brokenAt === null ? null : Math.round((at.getTime() - brokenAt.getTime()) / 100) / 10;
  return {
    outcome: gameday.outcome ?? 'time-up',
    fault: gameday.fault,
    title: breakable?.title ?? gameday.fault,
    slowS: seconds(gameday.slowAt),
    acknowledgedS: seconds(acknowledgedAt),
    decidedS: seconds(decidedAt),
    recoveredS: seconds(gameday.recoveredAt),
    named: await namedFirst(db, gameday),
    causes: breakable?.causes ?? [],
  };
}

/** The first diagnosis made since it broke: a later one may have been helped by what people did. */
async function namedFirst(db: Db, { incidentId, brokenAt }: Gameday): Promise<string | null> {
  if (incidentId === null || brokenAt === null) return null;
  const first = (await runsOf(db, incidentId)).find(
    ({ kind, diagnosis, startedAt }) => kind === 'triage' && diagnosis !== null && startedAt >= brokenAt,
  );
  return first?.diagnosis?.causes.find(({ status }) => status === 'found')?.id ?? null;
}
