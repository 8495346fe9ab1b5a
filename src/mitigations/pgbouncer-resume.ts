import { setTimeout as sleep } from 'node:timers/promises';
import { BotError, userMessageOf } from '../errors.ts';
import type { Mitigation, MitigationContext } from './mitigation.ts';
import {
  commonDifference,
  noAdmin,
  PooledTarget,
  PoolsNow,
  pgbouncerOf,
  poolLines,
  type Seen,
  seeDatabase,
} from './pgbouncer-database.ts';

const VERIFY_MS = 4_000;
const VERIFY_EVERY_MS = 250;

/** Lets PgBouncer serve one database again that somebody paused. https://www.pgbouncer.org/usage.html */
export const pgbouncerResume: Mitigation<PooledTarget, PoolsNow> = {
  kind: 'pgbouncer-resume',
  verb: 'Resume',
  risk: 'medium',
  undo: 'The bot does not take it back: PAUSE on the console does, when a maintenance still needs it.',
  budget: 'pools',
  executeMs: 8_000,
  unavailable: noAdmin,
  target: PooledTarget,
  dryRun: PoolsNow,
  describe: ({ database }) => `database ${database} of PgBouncer, which is paused`,
  describeDryRun: (pools) => [
    'Whoever waits is served at once; ask whether a maintenance or a failover is under way.',
    ...poolLines(pools),
  ],

  async look(target, context) {
    const { title, show } = pgbouncerOf(context);
    const now = await seeDatabase(target.database, (what) => show(what, context.signal));
    const reason = difference(target, now, title);
    if (reason !== null || !now) return { state: 'changed', reason: reason ?? 'it is gone' };
    return { state: 'same', dryRun: now.pools };
  },

  execute(target, context) {
    const { title, act } = pgbouncerOf(context);
    return act(async (admin) => {
      const reason = difference(target, await seeDatabase(target.database, admin.show), title);
      if (reason !== null) return { effect: 'target-changed', reason };
      await admin.tell('RESUME', target.database);
      return { effect: 'done', detail: `RESUME ${target.database} was told to PgBouncer` };
    }, context.signal);
  },

  verify,
};

function difference(target: PooledTarget, now: Seen | null, console: string): string | null {
  const other = commonDifference(target, now, console);
  if (other !== null || !now) return other;
  if (!now.paused) return `${target.database} is not paused any more: somebody resumed it`;
  return target.queryMicros !== null && now.queryMicros !== null && now.queryMicros > target.queryMicros
    ? `${target.database} has served clients since, and is paused anew: look again`
    : null;
}

async function verify(target: PooledTarget, context: MitigationContext) {
  const { show } = pgbouncerOf(context);
  const begin = performance.now();
  try {
    for (;;) {
      const now = await seeDatabase(target.database, (what) => show(what, context.signal));
      if (!now)
        return {
          effect: 'unknown' as const,
          detail: `PgBouncer has no database ${target.database} any more`,
        };
      const late = performance.now() - begin > VERIFY_MS;
      if (now.paused && late)
        return { effect: 'did-not-take-place' as const, detail: `${target.database} is still paused` };
      if (!now.paused && (now.pools.clientsWaiting === 0 || late)) {
        const detail = `${target.database} is served again: ${poolLines(now.pools)[0]}`;
        return { effect: 'took-place' as const, detail };
      }
      await sleep(VERIFY_EVERY_MS, undefined, { signal: context.signal });
    }
  } catch (error) {
    const reason = error instanceof BotError ? userMessageOf(error) : 'the time was up';
    return { effect: 'unknown' as const, detail: `could not look whether it took effect: ${reason}` };
  }
}
