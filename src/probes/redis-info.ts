import { z } from 'zod';

/** One reading of INFO. https://redis.io/docs/latest/commands/info/ */
export interface RedisInfo {
  text(field: string): string | null;
  number(field: string): number | null;
  /** Fields with this prefix, without it, as `key=value` pairs: commandstats, errorstats. */
  group(prefix: string): Map<string, Record<string, number>>;
  /** performance.now() when the answer was here. */
  atMs: number;
}

/** Reads the answer to INFO; fields that this version does not have are null, never 0. */
export function parseInfo(answer: string, atMs: number): RedisInfo {
  const fields = new Map<string, string>();
  for (const line of answer.split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon > 0 && !line.startsWith('#')) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  const number = (field: string) => {
    const value = Number.parseFloat(fields.get(field) ?? '');
    return Number.isFinite(value) ? value : null;
  };
  return {
    text: (field) => fields.get(field) ?? null,
    number,
    group(prefix) {
      const found = [...fields].filter(([name]) => name.startsWith(prefix));
      return new Map(found.map(([name, value]) => [name.slice(prefix.length), pairs(value)]));
    },
    atMs,
  };
}

function pairs(value: string): Record<string, number> {
  const entries = value.split(',').map((pair) => pair.split('='));
  return Object.fromEntries(entries.map(([name, number]) => [name, Number(number)]));
}

export const RedisServer = z.object({
  version: z.string().nullable(),
  uptimeSeconds: z.number().nullable(),
  role: z.string().nullable(),
  /** Of a replica: up or down. */
  masterLinkStatus: z.string().nullable(),
  connectedReplicas: z.number().nullable(),
  /** It is still reading its data set and serves nobody. */
  loading: z.boolean(),
});

export const RedisMemory = z.object({
  usedBytes: z.number().nullable(),
  /** Null without a limit. */
  maxBytes: z.number().nullable(),
  usedRatio: z.number().nullable(),
  /** maxmemory_policy: a broker of Celery must have noeviction. */
  policy: z.string().nullable(),
  rssBytes: z.number().nullable(),
  /** mem_fragmentation_ratio; below 1 a part is swapped out. */
  fragmentationRatio: z.number().nullable(),
  /** Redis 7: for how long it has been above maxmemory, evicting. */
  evictionExceededMs: z.number().nullable(),
});

export const RedisPersistence = z.object({
  aofEnabled: z.boolean(),
  rdbInProgress: z.boolean(),
  aofRewriteInProgress: z.boolean(),
  latestForkMs: z.number().nullable(),
  /** rdb_last_bgsave_status and aof_last_write_status: with "err" Redis may refuse writes. */
  lastSaveStatus: z.string().nullable(),
  lastAofWriteStatus: z.string().nullable(),
  aofPendingFsyncs: z.number().nullable(),
});

export function serverOf(info: RedisInfo): z.infer<typeof RedisServer> {
  return {
    version: info.text('redis_version'),
    uptimeSeconds: info.number('uptime_in_seconds'),
    role: info.text('role'),
    masterLinkStatus: info.text('master_link_status'),
    connectedReplicas: info.number('connected_slaves'),
    loading: info.number('loading') === 1,
  };
}

export function memoryOf(info: RedisInfo): z.infer<typeof RedisMemory> {
  const usedBytes = info.number('used_memory');
  const maxBytes = info.number('maxmemory') || null;
  return {
    usedBytes,
    maxBytes,
    usedRatio: usedBytes !== null && maxBytes !== null ? usedBytes / maxBytes : null,
    policy: info.text('maxmemory_policy'),
    rssBytes: info.number('used_memory_rss'),
    fragmentationRatio: info.number('mem_fragmentation_ratio'),
    evictionExceededMs: info.number('current_eviction_exceeded_time'),
  };
}

export function persistenceOf(info: RedisInfo): z.infer<typeof RedisPersistence> {
  const forkMicros = info.number('latest_fork_usec');
  return {
    aofEnabled: info.number('aof_enabled') === 1,
    rdbInProgress: info.number('rdb_bgsave_in_progress') === 1,
    aofRewriteInProgress: info.number('aof_rewrite_in_progress') === 1,
    latestForkMs: forkMicros === null ? null : forkMicros / 1_000,
    lastSaveStatus: info.text('rdb_last_bgsave_status'),
    lastAofWriteStatus: info.text('aof_last_write_status'),
    aofPendingFsyncs: info.number('aof_pending_bio_fsync'),
  };
}
