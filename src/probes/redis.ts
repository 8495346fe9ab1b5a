import { z } from 'zod';
import { BotError } from '../errors.ts';
import { timeLimit } from '../targets/time-limit.ts';
import { askRedis, type Looking } from './ask-redis.ts';
import { NotSeen } from './not-seen.ts';
import { PingSeries, pingSeries } from './ping-series.ts';
import type { Probe } from './probe.ts';
import { changeBetween, RedisChange } from './redis-change.ts';
import { ClientGroups, groupClients, MAX_LISTED_CLIENTS, parseClients } from './redis-clients.ts';
import {
  memoryOf,
  parseInfo,
  persistenceOf,
  type RedisInfo,
  RedisMemory,
  RedisPersistence,
  RedisServer,
  serverOf,
} from './redis-info.ts';
import { newestId, Slowlog, summarizeSlowlog } from './redis-slowlog.ts';

/** What is asked after the window has this long, and is not seen otherwise. */
const END_LIMIT_MS = 900;
const MIN_SERIES_MS = 500;
const SLOWLOG_ENTRIES = '64';

const LatencyEvent = z.object({
  /** command, fork, aof-fsync-always, eviction-cycle … */
  event: z.string(),
  latestMs: z.number(),
  maxMs: z.number(),
  ageMs: z.number().nullable(),
});

const Report = z.object({
  ping: PingSeries,
  /** Null, like the parts below, when INFO was denied or not answered. */
  server: RedisServer.nullable(),
  memory: RedisMemory.nullable(),
  persistence: RedisPersistence.nullable(),
  clients: z
    .object({
      connected: z.number().nullable(),
      maxClients: z.number().nullable(),
      /** In BLPOP and the like: normal for consumers of a queue. */
      blocked: z.number().nullable(),
    })
    .nullable(),
  /** What happened in the window. */
  change: RedisChange.nullable(),
  clientGroups: ClientGroups.nullable(),
  slowlog: Slowlog.nullable(),
  latencyEvents: z.array(LatencyEvent).nullable(),
  notSeen: z.array(NotSeen),
});

export type RedisReport = z.infer<typeof Report>;

/** How long Redis lets its callers wait, and what it is busy with. */
export const redis: Probe<RedisReport> = {
  id: 'redis',
  title: 'Redis',
  runbookStep: 6,
  needs: ['redis'],
  cost: 'a PING every 50 ms, INFO twice, SLOWLOG GET 64, LATENCY LATEST, and CLIENT LIST up to 2,000 clients',
  requires: ['redis:reachable'],
  improvedBy: ['redis:info', 'redis:slowlog', 'redis:latency', 'redis:clients'],
  report: Report,

  async run({ targets, windowMs, signal }) {
    if (!targets.redis) throw new BotError('not-configured', 'no Redis is configured');
    const looking: Looking = { redis: targets.redis, signal, notSeen: [] };
    const began = performance.now();
    await connected(looking);
    const seriesMs = Math.max(MIN_SERIES_MS, windowMs - (performance.now() - began));
    const [info, slowlog, ping] = await Promise.all([
      infoOf(looking, 'the beginning of the window'),
      askRedis(looking, 'new slow commands', ['SLOWLOG', 'GET', '1'], newestId),
      pingSeries(() => looking.redis.call(['PING'], signal), Math.min(windowMs, seriesMs), signal),
    ]);
    return atEnd(looking, ping, info, slowlog);
  },
};

/** So that no ping pays for the connection. A stall that begins before the window must not hide the rest of it. */
async function connected({ redis: target, signal }: Looking): Promise<void> {
  await target.call(['PING'], signal).catch((error: unknown) => {
    if (!(error instanceof BotError) || error.code !== 'target-timeout') throw error;
  });
}

async function atEnd(
  { redis: target, signal, notSeen }: Looking,
  ping: PingSeries,
  begin: RedisInfo | null,
  idBefore: number | null,
): Promise<RedisReport> {
  const limit = timeLimit(signal, END_LIMIT_MS);
  const looking = { redis: target, signal: limit, notSeen };
  const end = await infoOf(looking, 'the end of the window');
  const micros = end?.number('server_time_usec') ?? null;
  const nowSeconds = micros === null ? null : micros / 1e6;
  const [slowlog, latencyEvents, clientGroups] = await Promise.all([
    askRedis(looking, 'slow commands', ['SLOWLOG', 'GET', SLOWLOG_ENTRIES], (answer) =>
      summarizeSlowlog(answer, idBefore, nowSeconds),
    ),
    askRedis(looking, 'latency events', ['LATENCY', 'LATEST'], (answer) =>
      latencyEventsOf(answer, nowSeconds),
    ),
    clientGroupsOf(looking, end?.number('connected_clients') ?? null),
  ]);
  const change = begin && end && changeBetween(begin, end);
  if (begin && end && !change) {
    const reason = 'Redis was restarted, or its statistics were reset, while we looked';
    notSeen.push({ what: 'the change in the window', reason, remedy: null });
  }
  const seen = end ?? begin;
  return {
    ping,
    server: seen && serverOf(seen),
    memory: seen && memoryOf(seen),
    persistence: seen && persistenceOf(seen),
    clients: seen && {
      connected: seen.number('connected_clients'),
      maxClients: seen.number('maxclients'),
      blocked: seen.number('blocked_clients'),
    },
    change,
    clientGroups,
    slowlog,
    latencyEvents,
    notSeen,
  };
}

function infoOf(looking: Looking, when: string): Promise<RedisInfo | null> {
  return askRedis(looking, `INFO at ${when}`, ['INFO', 'all'], (answer) =>
    parseInfo(z.string().parse(answer), performance.now()),
  );
}

const LatestEvents = z.array(z.tuple([z.string(), z.number(), z.number(), z.number()]).rest(z.unknown()));

function latencyEventsOf(answer: unknown, nowSeconds: number | null) {
  return LatestEvents.parse(answer).map(([event, at, latestMs, maxMs]) => ({
    ...{ event, latestMs, maxMs },
    ageMs: nowSeconds === null ? null : Math.max(0, nowSeconds - at) * 1_000,
  }));
}

async function clientGroupsOf(
  looking: Looking,
  connectedClients: number | null,
): Promise<ClientGroups | null> {
  if (connectedClients !== null && connectedClients <= MAX_LISTED_CLIENTS) {
    const command = ['CLIENT', 'LIST', 'TYPE', 'normal'] as const;
    return askRedis(looking, 'clients', command, (answer) => groupClients(parseClients(answer)));
  }
  const reason =
    connectedClients === null
      ? 'how many there are is not known, and a long list would block Redis'
      : `${connectedClients} clients are too many: listing them would block Redis`;
  looking.notSeen.push({ what: 'clients', reason, remedy: null });
  return null;
}
