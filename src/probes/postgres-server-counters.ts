import { z } from 'zod';

/** A row of a statistics view as JSON: versions differ in their columns. */
type Values = Record<string, unknown>;

export interface CountersRow {
  atMs: number;
  database: Values | null;
  checkpoints: Values | null;
  wal: Values | null;
  io: Values[] | null;
}
export interface Counters extends CountersRow {
  database: Values;
  checkpoints: Values;
}

const count = z.number().nullable();

/** What the server did within the window. Null: this version does not count it, or it was reset within the window. */
export const ServerActivity = z.object({
  /** Between the two reads by the clock of the server, in milliseconds. */
  windowMs: z.number(),
  /** Views whose counters were reset in between. */
  reset: z.array(z.string()),
  checkpoints: z.object({
    timed: count,
    /** For another reason than the time: max_wal_size is used up, or somebody asked for it. */
    requested: count,
    writeMs: count,
    syncMs: count,
    buffersWritten: count,
    /** Written by sessions themselves, which waited for it; before PostgreSQL 17. */
    buffersBackend: count,
  }),
  wal: z.object({ bytes: count, records: count, fullPageImages: count, buffersFull: count }),
  /** Of the diagnosed database. */
  database: z.object({
    commits: count,
    rollbacks: count,
    blksHit: count,
    blksRead: count,
    /** Null without track_io_timing. */
    readMs: count,
    writeMs: count,
    tempFiles: count,
    tempBytes: count,
    deadlocks: count,
    /** New connections and their ends by a fatal error, by an administrator, or without a goodbye; PostgreSQL 14. */
    sessions: count,
    sessionsFatal: count,
    sessionsKilled: count,
    sessionsAbandoned: count,
    /** Σ over sessions; by the length of the window it is the average number of them. */
    activeMs: count,
    idleInTransactionMs: count,
  }),
  /** By kind of process and context; PostgreSQL 16. Times are null without track_io_timing. */
  io: z
    .array(
      z.object({
        backendType: z.string(),
        context: z.string(),
        ...{ reads: count, readMs: count, writes: count, writeMs: count, fsyncs: count, fsyncMs: count },
      }),
    )
    .nullable(),
});
export type ServerActivity = z.infer<typeof ServerActivity>;

const MAX_IO = 12;

/** Subtracts two reads of the counters. */
export function difference(before: Counters, after: Counters, ioTimed: boolean): ServerActivity {
  const resets = (['database', 'checkpoints', 'wal'] as const).filter(
    (view) => before[view]?.stats_reset !== after[view]?.stats_reset,
  );
  const of = (view: 'database' | 'checkpoints' | 'wal') => {
    const [was, now] = [before[view], after[view]];
    // The first name that this version has.
    return (...names: string[]) => (was && now && !resets.includes(view) ? subtract(was, now, names) : null);
  };
  const [database, checkpoints, wal] = [of('database'), of('checkpoints'), of('wal')];
  return {
    windowMs: Math.max(1, after.atMs - before.atMs),
    reset: resets,
    checkpoints: {
      timed: checkpoints('num_timed', 'checkpoints_timed'),
      requested: checkpoints('num_requested', 'checkpoints_req'),
      writeMs: checkpoints('write_time', 'checkpoint_write_time'),
      syncMs: checkpoints('sync_time', 'checkpoint_sync_time'),
      buffersWritten: checkpoints('buffers_written', 'buffers_checkpoint'),
      buffersBackend: checkpoints('buffers_backend'),
    },
    wal: {
      bytes: wal('wal_bytes'),
      records: wal('wal_records'),
      fullPageImages: wal('wal_fpi'),
      buffersFull: wal('wal_buffers_full'),
    },
    database: {
      commits: database('xact_commit'),
      rollbacks: database('xact_rollback'),
      blksHit: database('blks_hit'),
      blksRead: database('blks_read'),
      readMs: ioTimed ? database('blk_read_time') : null,
      writeMs: ioTimed ? database('blk_write_time') : null,
      tempFiles: database('temp_files'),
      tempBytes: database('temp_bytes'),
      deadlocks: database('deadlocks'),
      sessions: database('sessions'),
      sessionsFatal: database('sessions_fatal'),
      sessionsKilled: database('sessions_killed'),
      sessionsAbandoned: database('sessions_abandoned'),
      activeMs: database('active_time'),
      idleInTransactionMs: database('idle_in_transaction_time'),
    },
    io: ioOf(before.io, after.io, ioTimed),
  };
}

function ioOf(before: Values[] | null, after: Values[] | null, ioTimed: boolean): ServerActivity['io'] {
  if (!after) return null;
  const keyOf = (row: Values) => `${String(row.backend_type)}\0${String(row.context)}`;
  const earlier = new Map((before ?? []).map((row) => [keyOf(row), row]));
  return after
    .map((now) => {
      const was = earlier.get(keyOf(now)) ?? {};
      const counted = (name: string) => Math.max(0, numberOf(now[name]) - numberOf(was[name]));
      const timed = (name: string) => (ioTimed ? counted(name) : null);
      return {
        backendType: String(now.backend_type),
        context: String(now.context),
        reads: counted('reads'),
        readMs: timed('read_time'),
        writes: counted('writes'),
        writeMs: timed('write_time'),
        fsyncs: counted('fsyncs'),
        fsyncMs: timed('fsync_time'),
      };
    })
    .filter(({ reads, writes, fsyncs }) => reads + writes + fsyncs > 0)
    .sort((a, b) => b.reads + b.writes - (a.reads + a.writes))
    .slice(0, MAX_IO);
}

/** A counter that fell was reset although its view does not say so. */
function subtract(was: Values, now: Values, names: string[]): number | null {
  const name = names.find((one) => one in now);
  if (name === undefined) return null;
  const delta = numberOf(now[name]) - numberOf(was[name]);
  return delta < 0 ? null : delta;
}

const numberOf = (value: unknown) => (value === null || value === undefined ? 0 : Number(value));
