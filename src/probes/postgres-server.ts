import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { BotError } from '../errors.ts';
import type { PostgresTarget } from '../targets/postgres.ts';
import { NotSeen } from './not-seen.ts';
import { type Counters, type CountersRow, difference, ServerActivity } from './postgres-server-counters.ts';
import {
  BACKUPS,
  CAPABILITY,
  countersSql,
  SENDERS,
  SETTING_NAMES,
  SETTINGS,
  SLOTS,
  TEMPORARY_FILES,
} from './postgres-server-sql.ts';
import type { Probe } from './probe.ts';
import { type TemporaryFile, TemporaryFiles, temporaryFilesOf } from './temporary-files.ts';

const ROUND_TRIPS = 5;

const Setting = z.object({
  name: z.string(),
  setting: z.string(),
  unit: z.string().nullable(),
  source: z.string(),
  /** Changed in the configuration, but not in force before a restart. */
  pendingRestart: z.boolean(),
});
const Slot = z.object({
  name: z.string(),
  type: z.string(),
  active: z.boolean(),
  walStatus: z.string().nullable(),
  retainedBytes: z.number().nullable(),
});
const Sender = z.object({
  pid: z.int(),
  application: z.string(),
  state: z.string().nullable(),
  syncState: z.string().nullable(),
  replayLagMs: z.number().nullable(),
  behindBytes: z.number().nullable(),
});
const Backup = z.object({
  kind: z.enum(['base backup', 'pg_dump']),
  pid: z.int(),
  phase: z.string().nullable(),
  ageMs: z.number().nullable(),
});

const Report = z.object({
  version: z.string(),
  versionNumber: z.int(),
  inRecovery: z.boolean(),
  /** A young server reads from disk what it will later find in its buffers. */
  uptimeMs: z.number(),
  /** `select 1` on an open connection: the network and the server's readiness to answer. */
  roundTrip: z.object({ p50Ms: z.number(), maxMs: z.number(), samples: z.int() }),
  activity: ServerActivity,
  /** What statements that still run have spilled, the largest first; null where the role may not look. */
  temporaryFiles: z.array(TemporaryFiles).nullable(),
  slots: z.array(Slot),
  slotsLeftOut: z.int(),
  senders: z.array(Sender),
  sendersLeftOut: z.int(),
  backups: z.array(Backup),
  settings: z.array(Setting),
  notSeen: z.array(NotSeen),
});
export type PostgresServerReport = z.infer<typeof Report>;

interface Capability {
  version: string;
  versionNumber: number;
  checkpointer: boolean;
  wal: boolean;
  io: boolean;
  ioTimed: boolean;
  inRecovery: boolean;
  uptimeMs: number;
  temporaryFiles: boolean;
}
type WithTotal<T> = T & { total: number };

/** What the server as a whole did within the window: checkpoints, WAL, temporary files, replication; and its settings. */
export const postgresServer: Probe<PostgresServerReport> = {
  id: 'postgres-server',
  title: 'The PostgreSQL server',
  runbookStep: 8,
  needs: ['postgres'],
  cost: '2 reads of the cumulative counters and of the list of temporary files around the window, 4 of the catalog, and 5 times select 1',
  requires: ['postgres:reachable', 'postgres:read-all-stats'],
  improvedBy: ['postgres:io-timing'],
  report: Report,

  async run({ targets, windowMs, signal }) {
    const { postgres } = targets;
    if (!postgres) throw new BotError('not-configured', 'no PostgreSQL is configured');
    const begin = performance.now();
    const rows = <T extends object>(sql: string, values: unknown[] = []) =>
      postgres.query<T>({ probe: 'postgres-server', sql, values, signal });
    const [capability] = await rows<Capability>(CAPABILITY);
    if (!capability) throw new BotError('target-protocol', 'PostgreSQL gave no answer about itself');
    const read = () => readCounters(postgres, capability, signal);
    const files = async () => (capability.temporaryFiles ? rows<TemporaryFile>(TEMPORARY_FILES) : null);
    const before = await read();
    const filesBefore = await files();
    const settings = await rows<z.infer<typeof Setting>>(SETTINGS, [SETTING_NAMES]);
    const slots = await rows<WithTotal<z.infer<typeof Slot>>>(SLOTS);
    const senders = await rows<WithTotal<z.infer<typeof Sender>>>(SENDERS);
    const backups = await rows<z.infer<typeof Backup>>(BACKUPS);
    const roundTrip = await measureRoundTrip(postgres, signal);
    await sleep(Math.max(0, windowMs - (performance.now() - begin)), undefined, { signal });
    const activity = difference(before, await read(), capability.ioTimed);
    const temporaryFiles = temporaryFilesOf(filesBefore, await files());
    const { version, versionNumber, inRecovery, uptimeMs } = capability;
    return {
      ...{ version: version.split(' ')[0] ?? version, versionNumber, inRecovery, uptimeMs },
      ...{ roundTrip, activity, temporaryFiles, backups, settings },
      slots,
      slotsLeftOut: Math.max(0, (slots[0]?.total ?? 0) - slots.length),
      senders,
      sendersLeftOut: Math.max(0, (senders[0]?.total ?? 0) - senders.length),
      notSeen: notSeen(capability),
    };
  },
};

async function readCounters(
  postgres: PostgresTarget,
  has: Capability,
  signal: AbortSignal,
): Promise<Counters> {
  const [row] = await postgres.query<{ [K in keyof CountersRow]: CountersRow[K] }>({
    probe: 'postgres-server',
    sql: countersSql(has),
    signal,
  });
  if (!row?.database || !row.checkpoints) {
    throw new BotError('target-protocol', 'PostgreSQL gave no answer about its counters');
  }
  return { ...row, database: row.database, checkpoints: row.checkpoints };
}

/** The wait for one of the two connections must not count, so all are asked on one. */
function measureRoundTrip(
  postgres: PostgresTarget,
  signal: AbortSignal,
): Promise<PostgresServerReport['roundTrip']> {
  return postgres.session({ probe: 'postgres-server', signal }, async (query) => {
    const times: number[] = [];
    for (let i = 0; i < ROUND_TRIPS; i += 1) {
      const begin = performance.now();
      await query('select 1');
      times.push(performance.now() - begin);
    }
    times.sort((a, b) => a - b);
    return {
      p50Ms: times[Math.floor(ROUND_TRIPS / 2)] ?? 0,
      maxMs: times.at(-1) ?? 0,
      samples: times.length,
    };
  });
}

function notSeen({ wal, io, ioTimed, temporaryFiles, versionNumber }: Capability): NotSeen[] {
  const version = Math.floor(versionNumber / 10_000);
  return [
    ...(wal
      ? []
      : [{ what: 'WAL written', reason: `PostgreSQL ${version} has no pg_stat_wal`, remedy: null }]),
    ...(io
      ? []
      : [
          { what: 'I/O by kind of process', reason: `PostgreSQL ${version} has no pg_stat_io`, remedy: null },
        ]),
    ...(ioTimed
      ? []
      : [
          {
            what: 'time spent reading and writing blocks',
            reason: 'track_io_timing is off',
            remedy: 'alter system set track_io_timing = on (and reload)',
          },
        ]),
    ...(temporaryFiles
      ? []
      : [
          {
            what: 'temporary files of statements that still run',
            reason: 'permission denied for pg_ls_tmpdir',
            remedy: 'grant pg_monitor to the role of the probes',
          },
        ]),
  ];
}
