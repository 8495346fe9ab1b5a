import type pg from 'pg';
import { idOf } from '../ids.ts';
import type { Fault, FaultTargets } from './fault.ts';
import { runOnce } from './session.ts';
import { untilFelt } from './until-felt.ts';
import { watch } from './watch.ts';

const TABLE = 'integrations_sftpimportjob';
const NAME = 'debtflow-migrate';
const ROWS_AT_ONCE = 600_000;
/** So many attempts at first, and more until the clients of this machine feel it. */
const ATTEMPTS = [2, 4, 6, 8, 10];
/** The 500 rows that are left fit into a tenth of it. */
const LARGE_BYTES = 1_000_000;
/** Fewer do not make a scan slow: somebody has vacuumed. */
const FEW_DEAD_ROWS = 100_000;

/** One attempt of an import that staged its rows in the table of the jobs and broke off: each of them is dead. */
const BROKEN_OFF = [
  // The foreign key would be checked at the end, which never comes.
  'set session_replication_role = replica',
  'begin',
  `insert into ${TABLE} (agency_id, filename, status, row_count, created_at)
     select '${idOf('agency', 1)}'::uuid, 'placements-retried.csv', 'running', 0, now() from generate_series(1, ${ROWS_AT_ONCE})`,
  'rollback',
];

/**
 * The account list asks which imports are running, and reads all of the small table of import jobs for it. With
 * autovacuum off, the rows of imports that were rolled back stay in it: each scan reads through millions of them.
 * VACUUM is all it takes.
 */
export function deadTuples(targets: FaultTargets): Fault {
  const ask = async <Row extends pg.QueryResultRow>(sql: string): Promise<Row> => {
    let found: Row | undefined;
    await runOnce(targets.database.url, NAME, [], async (client) => {
      [found] = (await client.query<Row>(sql, [TABLE])).rows;
    });
    if (!found) throw new Error(`there is no ${TABLE}`);
    return found;
  };
  const isBloated = async () => {
    const { dead } = await ask<{ dead: number }>(
      'select n_dead_tup::float8 as dead from pg_stat_user_tables where relname = $1',
    );
    return dead > FEW_DEAD_ROWS;
  };
  const bloated = watch(isBloated);

  return {
    name: 'dead-tuples',
    group: 'Queries',
    title: 'Scans read through millions of dead rows',
    description:
      'Imports of millions of rows broke off, and autovacuum is off for the table of import jobs: the account list, which asks it for running imports, reads through all that they left.',
    truth: {
      cause: 'stale-stats-bloat',
      alsoAcceptable: [],
      evidence: ['table-health'],
      notFirst: [
        'missing-index',
        'plan-regression',
        'cpu-saturation-db',
        'cpu-saturation-api',
        'io-saturation',
        'gunicorn-starvation',
      ],
      mitigation: 'vacuum-analyze',
      harmful: ['create-index', 'add-workers', 'terminate-backend'],
      recovers: 'by-mitigation',
    },
    isOn: bloated.isOn,

    async on() {
      await runOnce(targets.database.url, NAME, [`alter table ${TABLE} set (autovacuum_enabled = false)`]);
      let made = 0;
      await untilFelt(targets, ATTEMPTS, async (attempts) => {
        const more = Array.from({ length: attempts - made }, () =>
          runOnce(targets.database.url, NAME, BROKEN_OFF),
        );
        await Promise.all(more);
        made = attempts;
        return true;
      });
      bloated.start();
    },

    async off() {
      bloated.stop();
      const { bytes } = await ask<{ bytes: number }>(
        'select pg_relation_size($1::regclass)::float8 as bytes',
      );
      await runOnce(targets.database.url, NAME, [
        `alter table ${TABLE} reset (autovacuum_enabled)`,
        // A plain VACUUM gives back no space that somebody is reading; to copy 500 rows takes no time.
        ...(bytes > LARGE_BYTES ? [`vacuum (full, analyze) ${TABLE}`] : []),
      ]);
    },
  };
}
