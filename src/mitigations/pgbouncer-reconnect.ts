import { setTimeout as sleep } from 'node:timers/promises';
import { BotError, userMessageOf } from '../errors.ts';
import type { AdminConsole } from '../targets/pgbouncer-admin.ts';
import type { ShowRow } from '../targets/pgbouncer-console.ts';
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
/** Longer than an act and its verification take; a server connection older than this was there before. */
const RECENT_MS = 60_000;
const MAX_LISTED_CLIENTS = 2_000;

/** Replaces the server connections of one database as they come free, so that new settings of a role count. */
export const pgbouncerReconnect: Mitigation<PooledTarget, PoolsNow> = {
  kind: 'pgbouncer-reconnect',
  verb: 'Reconnect',
  risk: 'low',
  undo: 'Nothing has to be taken back: PgBouncer opens new connections by itself.',
  budget: 'pools',
  executeMs: 8_000,
  unavailable: noAdmin,
  target: PooledTarget,
  dryRun: PoolsNow,
  describe: ({ database }) => `the server connections of ${database} in PgBouncer`,
  describeDryRun: (pools) => [
    'Each is closed when its transaction ends; no client loses anything.',
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
      const now = await seeDatabase(target.database, admin.show);
      const reason = difference(target, now, title);
      if (reason !== null) return { effect: 'target-changed', reason };
      await admin.tell('RECONNECT', target.database);
      const detail = `RECONNECT ${target.database} was told to PgBouncer, which had ${now?.pools.servers ?? 0} server connections`;
      return { effect: 'done', detail };
    }, context.signal);
  },

  verify,
};

function difference(target: PooledTarget, now: Seen | null, console: string): string | null {
  const other = commonDifference(target, now, console);
  if (other !== null || !now) return other;
  return now.paused ? `${target.database} is paused by now: RESUME comes first` : null;
}

async function verify(target: PooledTarget, context: MitigationContext) {
  const { act } = pgbouncerOf(context);
  const begin = performance.now();
  try {
    for (;;) {
      const { old, closing } = await act(async (admin) => {
        const servers = (await admin.show('SERVERS')).filter(({ database }) => database === target.database);
        const now = await timeNow(admin);
        return {
          old: servers.filter((server) => !isClosing(server) && isOld(server, now)).length,
          closing: servers.filter(isClosing).length,
        };
      }, context.signal);
      if (old > 0) {
        const detail = `${old} old server connections are still there, and not on their way out`;
        return { effect: 'did-not-take-place' as const, detail };
      }
      if (closing === 0 || performance.now() - begin > VERIFY_MS) {
        const detail =
          closing === 0
            ? 'all server connections are new'
            : `${closing} server connections still finish their transaction`;
        return { effect: 'took-place' as const, detail };
      }
      await sleep(VERIFY_EVERY_MS, undefined, { signal: context.signal });
    }
  } catch (error) {
    const reason = error instanceof BotError ? userMessageOf(error) : 'the time was up';
    return { effect: 'unknown' as const, detail: `could not look whether it took effect: ${reason}` };
  }
}

const isClosing = ({ close_needed }: ShowRow): boolean => close_needed === '1';

const isOld = ({ connect_time }: ShowRow, now: number): boolean =>
  now - (timeOf(connect_time) ?? Number.NEGATIVE_INFINITY) > RECENT_MS;

/**
 * The time by PgBouncer's own clock and in its own zone: that of the newest client, which is this very session.
 * SHOW CLIENTS writes a row a client while PgBouncer serves nobody, so it is not asked when there are too many.
 */
async function timeNow(admin: AdminConsole): Promise<number> {
  const used = (await admin.show('LISTS')).find(({ list }) => list === 'used_clients');
  if (Number(used?.items ?? Number.POSITIVE_INFINITY) > MAX_LISTED_CLIENTS)
    throw new BotError(
      'target-protocol',
      'PgBouncer has too many clients to be asked how old its connections are',
    );
  const times = (await admin.show('CLIENTS')).flatMap((client) => timeOf(client.connect_time) ?? []);
  if (times.length === 0) throw new BotError('target-protocol', 'PgBouncer told no time');
  return times.reduce((latest, time) => Math.max(latest, time));
}

/** "2026-03-01 12:00:00 CET", of which only differences are used. */
function timeOf(text: string | null | undefined): number | null {
  const time = Date.parse(`${(text ?? '').slice(0, 19).replace(' ', 'T')}Z`);
  return Number.isNaN(time) ? null : time;
}
