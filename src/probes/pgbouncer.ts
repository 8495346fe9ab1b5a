import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { BotError, userMessageOf } from '../errors.ts';
import type { PgBouncerTarget, Show } from '../targets/pgbouncer.ts';
import type { ShowRow } from '../targets/pgbouncer-console.ts';
import { timeLimit } from '../targets/time-limit.ts';
import { NotSeen } from './not-seen.ts';
import {
  DatabaseTraffic,
  databasesOf,
  numberOf,
  PooledDatabase,
  PoolNow,
  PoolSettings,
  poolsOf,
  settingsOf,
  trafficBetween,
} from './pgbouncer-rows.ts';
import type { Probe } from './probe.ts';

const SAMPLE_EVERY_MS = 250;
/** What is asked after the window has this long. */
const END_LIMIT_MS = 1_200;
const MAX_POOLS = 20;
const MAX_DATABASES = 20;
const MAX_CLIENT_GROUPS = 15;
/** SHOW CLIENTS writes a row a client while PgBouncer serves nobody. */
const MAX_LISTED_CLIENTS = 2_000;

/** A pool over the window; the plain numbers are those of the last sample. */
const Pool = PoolNow.extend({
  averageWaiting: z.number(),
  maxWaiting: z.number(),
  averageServersActive: z.number(),
  /** Longest wait that any sample saw. */
  longestWaitMs: z.number(),
  /** Samples in which clients waited. */
  samplesWaiting: z.int(),
  /** In every sample clients waited, while no server of theirs worked, logged in or was tested: as under PAUSE. */
  heldBack: z.boolean(),
  /** Servers that this pool may have, of SHOW DATABASES. */
  poolSize: z.number().nullable(),
});

const ClientGroup = z.object({
  database: z.string(),
  user: z.string(),
  application: z.string(),
  state: z.string(),
  count: z.int(),
});

const Report = z.object({
  version: z.string().nullable(),
  windowMs: z.number(),
  samples: z.int(),
  /** Clients that waited for a server on average over the window, all pools together. */
  averageWaiting: z.number(),
  maxWaiting: z.number(),
  /** Those with the most waiting, first. */
  pools: z.array(Pool),
  poolsLeftOut: z.int(),
  databases: z.array(PooledDatabase),
  databasesLeftOut: z.int(),
  /** Whether PAUSE was said for all of them together; null before PgBouncer 1.19, which does not tell. */
  everyDatabasePaused: z.boolean().nullable(),
  traffic: z.array(DatabaseTraffic),
  trafficLeftOut: z.int(),
  settings: PoolSettings.nullable(),
  /** Clients of PgBouncer, of settings.maxClientConn at most. */
  usedClients: z.number().nullable(),
  usedServers: z.number().nullable(),
  /** Who they are; null when they are too many to be listed. */
  clientGroups: z.array(ClientGroup).nullable(),
  clientGroupsLeftOut: z.int(),
  notSeen: z.array(NotSeen),
});

export type PgbouncerReport = z.infer<typeof Report>;

interface Sampled {
  samples: PoolNow[][];
  stats: [begin: ShowRow[], end: ShowRow[]];
  windowMs: number;
}

/** Who waits at PgBouncer for a connection, and how many there are to share. */
export const pgbouncer: Probe<PgbouncerReport> = {
  id: 'pgbouncer',
  title: 'PgBouncer',
  runbookStep: 5,
  needs: ['pgbouncer'],
  cost: 'SHOW POOLS four times a second, SHOW STATS twice, four other SHOWs, and SHOW CLIENTS up to 2,000 clients',
  requires: ['pgbouncer:reachable'],
  improvedBy: [],
  report: Report,

  async run({ targets, windowMs, signal }) {
    const { pgbouncer: target } = targets;
    if (!target) throw new BotError('not-configured', 'no PgBouncer is configured');
    const notSeen: NotSeen[] = [];
    const sampled = await watchPools(target, windowMs, signal);
    const limit = timeLimit(signal, END_LIMIT_MS);
    const ask = (what: Show) => asked(target, what, limit, notSeen);
    const [lists, databaseRows, config, version] = [
      await ask('LISTS'),
      await target.show('DATABASES', limit),
      await ask('CONFIG'),
      await ask('VERSION'),
    ];
    const list = (name: string) => lists && numberOf(lists.find((row) => row.list === name) ?? {}, 'items');
    const usedClients = list('used_clients') ?? null;
    const clients = await clientsOf(usedClients, ask, notSeen);
    const databases = databasesOf(databaseRows).sort((a, b) => Number(isStopped(b)) - Number(isStopped(a)));
    const pools = poolsOver(sampled.samples, databases);
    const versionNumber = /\d+(\.\d+)+/.exec(Object.values(version?.[0] ?? {}).join(' '))?.[0] ?? null;
    const state = tellsState(versionNumber) ? await ask('STATE') : null;
    const traffic = trafficBetween(...sampled.stats, sampled.windowMs);
    return {
      version: versionNumber,
      windowMs: sampled.windowMs,
      samples: sampled.samples.length,
      averageWaiting: pools.reduce((sum, pool) => sum + pool.averageWaiting, 0),
      maxWaiting: Math.max(0, ...sampled.samples.map((pools) => total(pools, 'clientsWaiting'))),
      pools: pools.slice(0, MAX_POOLS),
      poolsLeftOut: Math.max(0, pools.length - MAX_POOLS),
      databases: databases.slice(0, MAX_DATABASES),
      databasesLeftOut: Math.max(0, databases.length - MAX_DATABASES),
      everyDatabasePaused: state?.some((row) => row.key === 'paused' && row.value === 'yes') ?? null,
      traffic: traffic.slice(0, MAX_DATABASES),
      trafficLeftOut: Math.max(0, traffic.length - MAX_DATABASES),
      settings: config && settingsOf(config),
      usedClients,
      usedServers: list('used_servers') ?? null,
      clientGroups: clients?.slice(0, MAX_CLIENT_GROUPS) ?? null,
      clientGroupsLeftOut: Math.max(0, (clients?.length ?? 0) - MAX_CLIENT_GROUPS),
      notSeen,
    };
  },
};

const isStopped = (database: PooledDatabase) => database.paused || database.disabled;

/** SHOW STATE came with PgBouncer 1.19 (https://www.pgbouncer.org/changelog.html). */
function tellsState(version: string | null): boolean {
  const [major = 0, minor = 0] = (version ?? '').split('.').map(Number);
  return major > 1 || (major === 1 && minor >= 19);
}

const total = (pools: PoolNow[], field: 'clientsWaiting' | 'serversActive') =>
  pools.reduce((sum, pool) => sum + pool[field], 0);

async function watchPools(target: PgBouncerTarget, windowMs: number, signal: AbortSignal): Promise<Sampled> {
  const before = await target.show('STATS', signal);
  const begin = performance.now();
  const samples = [poolsOf(await target.show('POOLS', signal))];
  const every = Math.min(SAMPLE_EVERY_MS, windowMs / 4);
  for (let due = begin + every; due <= begin + windowMs; due += every) {
    await sleep(Math.max(0, due - performance.now()), undefined, { signal });
    samples.push(poolsOf(await target.show('POOLS', signal)));
  }
  const after = await target.show('STATS', signal);
  return { samples, stats: [before, after], windowMs: performance.now() - begin };
}

function poolsOver(samples: PoolNow[][], databases: PooledDatabase[]): z.infer<typeof Pool>[] {
  const byKey = new Map<string, PoolNow[]>();
  for (const pool of samples.flat()) {
    const key = JSON.stringify([pool.database, pool.user]);
    byKey.set(key, [...(byKey.get(key) ?? []), pool]);
  }
  return [...byKey.values()]
    .flatMap((seen) => {
      const last = seen.at(-1);
      if (!last) return [];
      // A pool that was not there in a sample had nobody waiting in it.
      const average = (field: 'clientsWaiting' | 'serversActive') => total(seen, field) / samples.length;
      return {
        ...last,
        averageWaiting: average('clientsWaiting'),
        maxWaiting: Math.max(...seen.map(({ clientsWaiting }) => clientsWaiting)),
        averageServersActive: average('serversActive'),
        longestWaitMs: Math.max(...seen.map(({ maxWaitMs }) => maxWaitMs)),
        samplesWaiting: seen.filter(({ clientsWaiting }) => clientsWaiting > 0).length,
        heldBack:
          seen.length === samples.length &&
          seen.every(
            ({ clientsWaiting, serversActive, serversLogin, serversTested }) =>
              clientsWaiting > 0 && serversActive + serversLogin + serversTested === 0,
          ),
        poolSize: databases.find(({ name }) => name === last.database)?.poolSize ?? null,
      };
    })
    .sort((a, b) => b.averageWaiting - a.averageWaiting || b.averageServersActive - a.averageServersActive);
}

/** Asks for a part, or notes that it was not seen. */
async function asked(
  target: PgBouncerTarget,
  what: Show,
  signal: AbortSignal,
  notSeen: NotSeen[],
): Promise<ShowRow[] | null> {
  try {
    return await target.show(what, signal);
  } catch (error) {
    if (!(error instanceof BotError)) throw error;
    notSeen.push({ what: `SHOW ${what}`, reason: userMessageOf(error), remedy: null });
    return null;
  }
}

/** Clients by database, user, application and state, without their addresses; the biggest groups first. */
async function clientsOf(
  usedClients: number | null,
  ask: (what: Show) => Promise<ShowRow[] | null>,
  notSeen: NotSeen[],
): Promise<z.infer<typeof ClientGroup>[] | null> {
  if (usedClients === null || usedClients > MAX_LISTED_CLIENTS) {
    const reason = `${usedClients ?? 'an unknown number of'} clients are too many: listing them would stop PgBouncer for a moment`;
    notSeen.push({ what: 'SHOW CLIENTS', reason, remedy: null });
    return null;
  }
  const rows = await ask('CLIENTS');
  if (!rows) return null;
  const groups = new Map<string, z.infer<typeof ClientGroup>>();
  for (const row of rows.filter(({ database }) => database !== 'pgbouncer')) {
    const { database, user, application_name: application, state } = row;
    const group = {
      database: database ?? '',
      user: user ?? '',
      application: application ?? '',
      state: state ?? '',
    };
    const key = JSON.stringify(group);
    groups.set(key, { ...group, count: (groups.get(key)?.count ?? 0) + 1 });
  }
  return [...groups.values()].sort((a, b) => b.count - a.count);
}
