import type { Fault, FaultTargets } from './fault.ts';
import { runOnce } from './session.ts';
import { watch } from './watch.ts';

const TABLE = 'accounts_activity';
const NAME = 'debtflow-migrate';
const COLUMN = `'schemaname', 'public', 'relname', '${TABLE}', 'attname', 'account_id', 'inherited', false`;

/**
 * A bulk change with autovacuum off: the statistics are those of the day when the history of one account had been
 * imported, so the planner expects every row for any account and prefers to read the whole table to the index.
 * ANALYZE is all it takes. (pg_restore_attribute_stats, PostgreSQL 18, brings such a day back.)
 */
export function staleStatistics(targets: FaultTargets): Fault {
  const stillStale = async () => {
    let stale = true;
    await runOnce(targets.database.url, NAME, [], async (client) => {
      const { rows } = await client.query<{ stale: boolean }>(
        "select n_distinct = 1 as stale from pg_stats where tablename = $1 and attname = 'account_id'",
        [TABLE],
      );
      stale = rows[0]?.stale ?? true;
    });
    return stale;
  };
  const bites = watch(stillStale);

  return {
    name: 'stale-statistics',
    group: 'Queries',
    title: 'The planner works with old statistics',
    description:
      'After a bulk change without ANALYZE the planner takes the index of activities by account for useless, and reads the whole table.',
    truth: {
      cause: 'stale-stats-bloat',
      alsoAcceptable: ['plan-regression'],
      evidence: ['table-health'],
      notFirst: [
        'missing-index',
        'cpu-saturation-db',
        'cpu-saturation-api',
        'long-running-query',
        'gunicorn-starvation',
      ],
      mitigation: 'analyze',
      harmful: ['create-index', 'add-workers', 'terminate-backend'],
      recovers: 'by-mitigation',
    },
    isOn: bites.isOn,

    async on() {
      await runOnce(targets.database.url, NAME, [
        `alter table ${TABLE} set (autovacuum_enabled = false)`,
        `update ${TABLE} set kind = kind where id <= (select max(id) / 4 from ${TABLE})`,
        `select pg_clear_attribute_stats('public', '${TABLE}', 'account_id', false)`,
        `select pg_restore_attribute_stats(${COLUMN}, 'version', 180000, 'null_frac', 0::real, 'avg_width', 16, 'n_distinct', 1::real)`,
      ]);
      bites.start();
    },

    async off() {
      bites.stop();
      await runOnce(targets.database.url, NAME, [
        `alter table ${TABLE} reset (autovacuum_enabled)`,
        `vacuum (analyze) ${TABLE}`,
      ]);
    },
  };
}
