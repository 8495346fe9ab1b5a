import type { SafeQuery } from './backend.ts';
import { COUNTERS, type Counter, type StatementEntry, type StatementRead } from './statement-reads.ts';
import type { PgssView } from './statement-view.ts';

/** What one statement of one role did within a window. Times are in milliseconds, `…Blks…` in blocks of 8 kB. */
export interface StatementDelta extends Omit<Record<Counter, number>, 'ioMs'> {
  /** pg_stat_statements.queryid as text (64 bit, signed). */
  queryId: string;
  role: string;
  /** False for a statement inside a function; its time is part of another one's. */
  topLevel: boolean;
  /** Time waiting for reads and writes of blocks; null without track_io_timing. */
  ioMs: number | null;
  /** The entry is new, was reset or came back: its counters are all that it has. */
  fresh: boolean;
  /** Mean over the time before the window, since the last reset; null when fresh. */
  earlierMeanMs: number | null;
  earlierCalls: number;
  /** Only for the top by time and by calls; null for the others and when the server lost the text. */
  query: SafeQuery | null;
  /** The text as the server keeps it, for EXPLAIN alone: it may hold literals and must not leave the process. */
  rawText: string | null;
}

/** What the statements of one database did within a window. */
export interface StatementSample {
  /** Between the two reads by the clock of the server, in milliseconds. */
  windowMs: number;
  /** Statements that ended within the window, the most time first; those of the bot's own role are left out. */
  deltas: StatementDelta[];
  /** What the role of the probes itself did. */
  own: { role: string; calls: number; totalMs: number };
  /** Everything was reset within the window: what was before the reset is lost. */
  reset: boolean;
  /** Single entries that were reset within the window. */
  entriesReset: number;
  /** Evictions within the window: rare statements are missing then. Null before PostgreSQL 14. */
  evictions: number | null;
  entries: number;
  /** pg_stat_statements.max */
  maxEntries: number;
  ioTimed: boolean;
}

const keyOf = (entry: StatementEntry) => `${entry.role}\0${entry.topLevel}\0${entry.queryId}`;

/** Subtracts two reads. What was reset, evicted or is new in between counts with what it shows now. */
export function statementDeltas(
  before: StatementRead,
  after: StatementRead,
  view: Pick<PgssView, 'probeRole' | 'ioTimed' | 'max'>,
): StatementSample {
  const earlier = new Map(before.entries.map((entry) => [keyOf(entry), entry]));
  const reset = before.resetAt !== after.resetAt;
  const deltas: StatementDelta[] = [];
  const own = { role: view.probeRole, calls: 0, totalMs: 0 };
  let entriesReset = 0;
  for (const now of after.entries) {
    const was = reset ? undefined : earlier.get(keyOf(now));
    const restarted = was !== undefined && isRestarted(was, now);
    if (restarted) entriesReset += 1;
    const delta = subtract(now, restarted ? undefined : was, view.ioTimed);
    if (delta.calls <= 0) continue;
    if (now.role === view.probeRole) {
      own.calls += delta.calls;
      own.totalMs += delta.totalMs;
    } else deltas.push(delta);
  }
  return {
    windowMs: Math.max(1, after.atMs - before.atMs),
    deltas: deltas.sort((a, b) => b.totalMs - a.totalMs),
    own,
    reset,
    entriesReset,
    evictions:
      before.dealloc === null || after.dealloc === null || reset ? null : after.dealloc - before.dealloc,
    entries: after.entries.length,
    maxEntries: view.max,
    ioTimed: view.ioTimed,
  };
}

/** Before PostgreSQL 17 an entry that was reset and called more often than before cannot be told. */
function isRestarted(was: StatementEntry, now: StatementEntry): boolean {
  return was.since !== now.since || now.calls < was.calls || now.totalMs < was.totalMs - 1e-6;
}

function subtract(now: StatementEntry, was: StatementEntry | undefined, ioTimed: boolean): StatementDelta {
  const { queryId, role, topLevel } = now;
  const counters = Object.fromEntries(
    COUNTERS.map((name) => [name, Math.max(0, now[name] - (was?.[name] ?? 0))]),
  ) as Record<Counter, number>;
  return {
    queryId,
    role,
    topLevel,
    ...counters,
    ioMs: ioTimed ? counters.ioMs : null,
    fresh: was === undefined,
    earlierMeanMs: was && was.calls > 0 ? was.totalMs / was.calls : null,
    earlierCalls: was?.calls ?? 0,
    query: null,
    rawText: null,
  };
}
