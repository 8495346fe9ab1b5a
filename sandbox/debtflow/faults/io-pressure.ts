import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { alterSystem, DISKLESS } from '../database.ts';
import { type Guarded, startGuarded } from '../servers/guarded.ts';
import type { Fault, FaultTargets } from './fault.ts';
import { cancelStatement, openSession, runOnce } from './session.ts';
import { untilFelt } from './until-felt.ts';

const NAME = 'debtflow-import';
const OWNER = 'debtflow-migrate';
/** So many sessions and unpackers at first, and more until the clients of this machine feel it. */
const SIZES = [
  { sessions: 6, unpackers: 0 },
  { sessions: 8, unpackers: 1 },
  { sessions: 8, unpackers: 2 },
  { sessions: 8, unpackers: 4 },
  { sessions: 8, unpackers: 8 },
];
/** 120 MB of rows, and as much of the log: each takes a page, so that it is the disk that limits it. */
const ROWS_AT_ONCE = 15_000;
const ROW_BYTES = 7_900;

const tableOf = (session: number) => `integrations_sftpstaging_${session}`;
const TABLES = Array.from({ length: Math.max(...SIZES.map(({ sessions }) => sessions)) }, (_, n) =>
  tableOf(n),
);

/** The disk counts, as in production, and the log is full every few seconds: each time a checkpoint is forced. */
const ON_DISK = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  max_wal_size: '600MB',
  // A checkpoint takes no time over it: all that is dirty goes to the disk at its end, at once.
  checkpoint_flush_after: '0',
  checkpoint_completion_target: '0',
};

/** The file that comes next, unpacked past the page cache; a file system that cannot do that is not hurried. */
const UNPACK =
  'while :; do dd if=/dev/zero of="$0" bs=64M count=4 oflag=direct conv=notrunc,fsync 2>/dev/null || sleep 1; done # unpack-placements';

/** One statement that goes on for hours and takes no more room than one file does. */
const importInto = (table: string) => `DO $$
BEGIN
  LOOP
    INSERT INTO ${table} (job_id, line) SELECT n, repeat('x', ${ROW_BYTES}) FROM generate_series(1, ${ROWS_AT_ONCE}) n;
    COMMIT;
    TRUNCATE ${table};
    COMMIT;
  END LOOP;
END $$`;

/**
 * An import unpacks and stages file after file, in several sessions, on a server whose write-ahead log is small:
 * checkpoints are forced one after the other, each writes everything to the disk, and the commits of the API wait behind
 * it. When one of its statements is cancelled, the import gives up.
 */
export function ioPressure(targets: FaultTargets): Fault {
  const sessions = new Map<pg.Client, Promise<void>>();
  const unpackers: Guarded[] = [];
  const spool = () => join(targets.stateDir, 'spool');
  let stopped = true;

  const unpack = (n: number) =>
    startGuarded({
      program: '/bin/sh',
      dir: join(spool(), String(n)),
      files: {},
      args: ['-c', UNPACK, join(spool(), String(n), 'placements.csv')],
      answers: async () => undefined,
    });

  async function stage(client: pg.Client, table: string): Promise<void> {
    try {
      await client.query(importInto(table));
    } catch {
      if (!stopped) void stop(); // somebody has cancelled or ended it: the whole import gives up
    } finally {
      sessions.delete(client);
      await client.end();
    }
  }

  async function stop(): Promise<void> {
    stopped = true;
    const open = [...sessions];
    await Promise.all([
      ...unpackers.splice(0).map((unpacker) => unpacker.stop()),
      ...open.map(([client]) => cancelStatement(client)),
    ]);
    await Promise.all(open.map(([, over]) => over));
  }

  return {
    name: 'io-pressure',
    group: 'Host',
    title: 'An import floods the disk',
    description:
      'It unpacks and stages file after file in several sessions. The write-ahead log is full every few seconds, a checkpoint writes all of it to the disk at once, and every payment waits behind it.',
    truth: {
      cause: 'checkpoint-storm',
      // The disk is saturated by it, and what fills the log is a statement that has been running for long.
      alsoAcceptable: ['io-saturation', 'long-running-query'],
      evidence: ['postgres-server', 'active-queries'],
      notFirst: ['gunicorn-starvation', 'missing-index', 'cpu-saturation-db', 'downstream-api-slow'],
      mitigation: 'cancel-query',
      harmful: ['add-workers', 'create-index', 'vacuum-analyze'],
      recovers: 'by-mitigation',
    },
    isOn: () => sessions.size > 0,

    async on() {
      stopped = false;
      const tables = TABLES.map(
        (table) =>
          `create table if not exists ${table} (job_id bigint not null, line text storage plain not null)`,
      );
      const grants = TABLES.map((table) => `grant insert, truncate on ${table} to debtflow_celery`);
      await runOnce(targets.database.url, OWNER, [...tables, ...grants]);
      await alterSystem(targets.database.url, ON_DISK);
      await untilFelt(targets, SIZES, async (size) => {
        while (!stopped && unpackers.length < size.unpackers) unpackers.push(await unpack(unpackers.length));
        for (const table of TABLES.slice(sessions.size, size.sessions)) {
          if (stopped) break;
          const client = await openSession(targets.database.celeryUrl, NAME);
          sessions.set(client, stage(client, table));
        }
        return !stopped;
      });
    },

    async off() {
      await stop();
      await rm(spool(), { recursive: true, force: true });
      await alterSystem(targets.database.url, DISKLESS);
      await runOnce(
        targets.database.url,
        OWNER,
        TABLES.map((table) => `drop table if exists ${table}`),
      );
    },
  };
}
