import { setTimeout as sleep } from 'node:timers/promises';
import { BotError, userMessageOf } from '../errors.ts';
import type { SessionQuery } from '../targets/postgres.ts';
import { timeLimit } from '../targets/time-limit.ts';
import type { MitigationContext } from './mitigation.ts';
import { postgresOf } from './signal.ts';
import { age } from './words.ts';

/** For opening the session and for the look right before the statement. */
const BEFORE_MS = 10_000;
const PROGRESS_EVERY_MS = 1_000;
/** The server ends the statement by itself when the bot is no longer there to do it. */
const GRACE_MS = 60_000;

/** One statement that may take long, outside of a transaction, and what has to hold right before it. */
export interface LongChange {
  context: MitigationContext;
  /** What bounds it, and where that is configured. */
  limitMs: number;
  setting: string;
  /** Of the session, besides statement_timeout. */
  settings: Record<string, string | number>;
  /** Whether the statement runs as `targets.postgres.ownerRole`, where there is one. */
  asOwner: boolean;
  /** Looks once more, in the session that will act: the statement, or why there is none. */
  prepare(query: SessionQuery): Promise<{ sql: string } | { reason: string }>;
  /** Words of how far the session with this pid is. */
  progress(pid: number, signal: AbortSignal): Promise<string | null>;
}

/** Carries it out; `reason` when nothing was done. Throws with the cause in words when it did not end well. */
export async function carryOut(change: LongChange): Promise<{ reason: string } | { tookMs: number }> {
  const { context, limitMs } = change;
  const ownerRole = change.asOwner ? (context.service.targets.postgres?.ownerRole ?? null) : null;
  const settings = { ...change.settings, statement_timeout: limitMs + GRACE_MS };
  const grant = ownerRole ?? 'the ownership of the table';
  const before = timeLimit(context.signal, BEFORE_MS);
  return postgresOf(context).maintain({ settings, grant, signal: before }, async (session) => {
    const prepared = await change.prepare(session.query);
    if ('reason' in prepared) return prepared;
    // After the look: the owner of a table sees nothing of other people's sessions.
    if (ownerRole !== null) await session.query("select set_config('role', $1, false)", [ownerRole]);
    const begin = performance.now();
    const limit = timeLimit(context.signal, limitMs);
    const over = new AbortController();
    const watching = watch(change, session.pid, over.signal);
    try {
      await session.run(prepared.sql, limit);
    } catch (error) {
      throw inWords(error, change, limit);
    } finally {
      over.abort();
      await watching;
    }
    return { tookMs: performance.now() - begin };
  });
}

/** Shows how far it is until it is over. That it cannot be seen is shown too, and is no reason to stop. */
async function watch({ context, progress }: LongChange, pid: number, over: AbortSignal): Promise<void> {
  if (!context.progress) return;
  for (;;) {
    // Being woken by the end is no error: what ends the loop is the signal itself.
    await sleep(PROGRESS_EVERY_MS, undefined, { signal: over }).catch(() => undefined);
    if (over.aborted) return;
    const words = await progress(pid, over).catch(
      (error: unknown) => `how far it is cannot be seen: ${userMessageOf(error)}`,
    );
    if (words !== null && !over.aborted) context.progress(words);
  }
}

const SQL_STATES: Record<string, string> = {
  '55P03': 'it waited too long for a lock that somebody else holds',
  '57014': 'somebody cancelled it at the server',
  '53100': 'the disk of PostgreSQL is full',
  '40P01': 'it was in a deadlock with another session',
};

function inWords(error: unknown, { context, limitMs, setting }: LongChange, limit: AbortSignal): BotError {
  if (context.signal.aborted) {
    return new BotError('target-timeout', 'it was stopped before it was done', { cause: error });
  }
  if (limit.aborted) {
    const words = `it took longer than ${age(limitMs)} (${setting}) and was cancelled`;
    return new BotError('target-timeout', words, { cause: error });
  }
  const known = SQL_STATES[sqlStateOf(error) ?? ''];
  if (known) return new BotError('target-protocol', known, { cause: error });
  return error instanceof BotError ? error : new BotError('internal', userMessageOf(error), { cause: error });
}

function sqlStateOf(error: unknown): string | null {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' ? code : null;
}
