import { z } from 'zod';
import type { RedisInfo } from './redis-info.ts';

const MAX_COMMANDS = 15;
const MAX_ERRORS = 10;

const CommandChange = z.object({
  /** As commandstats names it: "get", "client|list". */
  command: z.string(),
  calls: z.number(),
  callsPerSecond: z.number(),
  /** Execution time of a call, without its wait for other commands. */
  averageMicros: z.number(),
  /** Share of the time in which Redis, which runs one command at a time, ran this one. */
  busyRatio: z.number(),
  failedCalls: z.number().nullable(),
  rejectedCalls: z.number().nullable(),
});

/** What happened between two readings of INFO; null where this version does not count it. */
export const RedisChange = z.object({
  windowMs: z.number(),
  opsPerSecond: z.number().nullable(),
  /** Share of the time in which Redis ran commands: microseconds busy per microsecond. */
  busyRatio: z.number().nullable(),
  /** CPU of the main thread per second; 1 is all that one thread can do. */
  mainThreadCpu: z.number().nullable(),
  inputBytesPerSecond: z.number().nullable(),
  outputBytesPerSecond: z.number().nullable(),
  connectionsReceived: z.number().nullable(),
  rejectedConnections: z.number().nullable(),
  evictedKeys: z.number().nullable(),
  expiredKeys: z.number().nullable(),
  keyspaceHits: z.number().nullable(),
  keyspaceMisses: z.number().nullable(),
  missRatio: z.number().nullable(),
  forks: z.number().nullable(),
  aofDelayedFsyncs: z.number().nullable(),
  errorReplies: z.number().nullable(),
  /** By the name of the error, such as OOM; Redis 6.2 and later. */
  errors: z.record(z.string(), z.number()),
  /** Those with the most time, first. */
  commands: z.array(CommandChange),
  commandsLeftOut: z.int(),
});
export type RedisChange = z.infer<typeof RedisChange>;

/** The difference of two readings; null when Redis was restarted or its statistics were reset in between. */
export function changeBetween(begin: RedisInfo, end: RedisInfo): RedisChange | null {
  if (begin.text('run_id') !== end.text('run_id')) return null;
  const delta = deltaOf(begin, end);
  const processed = delta('total_commands_processed');
  if (processed === null || processed < 0) return null;
  const windowMs = end.atMs - begin.atMs;
  const perSecond = (value: number | null) => (value === null ? null : value / (windowMs / 1_000));
  const commands = commandChanges(begin, end, windowMs);
  const [hits, misses] = [delta('keyspace_hits'), delta('keyspace_misses')];
  return {
    windowMs,
    opsPerSecond: perSecond(processed),
    busyRatio: commands?.reduce((sum, { busyRatio }) => sum + busyRatio, 0) ?? null,
    mainThreadCpu: perSecond(
      sumOf(delta('used_cpu_user_main_thread'), delta('used_cpu_sys_main_thread')) ??
        sumOf(delta('used_cpu_user'), delta('used_cpu_sys')),
    ),
    inputBytesPerSecond: perSecond(delta('total_net_input_bytes')),
    outputBytesPerSecond: perSecond(delta('total_net_output_bytes')),
    connectionsReceived: delta('total_connections_received'),
    rejectedConnections: delta('rejected_connections'),
    evictedKeys: delta('evicted_keys'),
    expiredKeys: delta('expired_keys'),
    keyspaceHits: hits,
    keyspaceMisses: misses,
    missRatio: hits !== null && misses !== null && hits + misses > 0 ? misses / (hits + misses) : null,
    forks: delta('total_forks'),
    aofDelayedFsyncs: delta('aof_delayed_fsync'),
    errorReplies: delta('total_error_replies'),
    errors: errorChanges(begin, end),
    commands: (commands ?? []).slice(0, MAX_COMMANDS),
    commandsLeftOut: Math.max(0, (commands?.length ?? 0) - MAX_COMMANDS),
  };
}

function deltaOf(begin: RedisInfo, end: RedisInfo): (field: string) => number | null {
  return (field) => {
    const [before, after] = [begin.number(field), end.number(field)];
    return before === null || after === null ? null : after - before;
  };
}

function sumOf(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : a + b;
}

function commandChanges(begin: RedisInfo, end: RedisInfo, windowMs: number) {
  const before = begin.group('cmdstat_');
  const after = end.group('cmdstat_');
  if (after.size === 0) return null;
  return [...after]
    .map(([command, stat]) => {
      const was = before.get(command);
      const since = (field: string) => (stat[field] === undefined ? null : stat[field] - (was?.[field] ?? 0));
      const [calls, micros] = [since('calls') ?? 0, since('usec') ?? 0];
      return {
        command,
        calls,
        callsPerSecond: calls / (windowMs / 1_000),
        averageMicros: calls > 0 ? micros / calls : 0,
        busyRatio: micros / (windowMs * 1_000),
        failedCalls: since('failed_calls'),
        rejectedCalls: since('rejected_calls'),
      };
    })
    .filter(({ calls, rejectedCalls }) => calls > 0 || (rejectedCalls ?? 0) > 0)
    .sort((a, b) => b.busyRatio - a.busyRatio);
}

function errorChanges(begin: RedisInfo, end: RedisInfo): Record<string, number> {
  const before = begin.group('errorstat_');
  const changes = [...end.group('errorstat_')]
    .map(([name, { count = 0 }]) => [name, count - (before.get(name)?.count ?? 0)] as const)
    .filter(([name, count]) => count > 0 && /^[A-Z][A-Z0-9_]{0,30}$/.test(name)) // a script may name its errors as it likes
    .sort(([, a], [, b]) => b - a);
  return Object.fromEntries(changes.slice(0, MAX_ERRORS));
}
