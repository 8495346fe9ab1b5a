import type pg from 'pg';
import { REPORT_WORKERS } from '../roles.ts';
import type { Fault, FaultTargets } from './fault.ts';
import { cancelStatement, openSession } from './session.ts';
import { untilFelt } from './until-felt.ts';

/**
 * One session of `debtflow_report` runs one read-only SELECT that looks for every debtor's name in every activity's
 * note, for hours, in many parallel processes. It takes no lock that anybody waits for: it takes the CPU. Cancelling
 * it ends it.
 */
const REPORT = `
SELECT "accounts_debtor"."id", COUNT(*) AS "mentions"
FROM "accounts_activity" INNER JOIN "accounts_debtor"
  ON ("accounts_activity"."note" LIKE '%' || "accounts_debtor"."full_name" || '%')
GROUP BY "accounts_debtor"."id" ORDER BY "mentions" DESC`.trim();

const END_DEADLINE_MS = 2_000;

/** It starts again with more processes until the clients of this machine feel it. */
export function longReportQuery(targets: FaultTargets): Fault {
  let session: { client: pg.Client; over: Promise<void> } | null = null;

  async function begin(workers: number): Promise<void> {
    const client = await openSession(targets.database.reportUrl, 'debtflow-report');
    await client.query(`SET max_parallel_workers_per_gather = ${workers}`);
    // However it ends (cancelled, terminated, or done after hours), the script that asked for it ends with it.
    const over = client
      .query(REPORT)
      .then(
        () => client.end(),
        () => client.end(),
      )
      .finally(() => {
        if (session?.client === client) session = null;
      });
    session = { client, over };
  }

  async function end(): Promise<void> {
    if (!session) return;
    const { client, over } = session;
    await cancelStatement(client);
    const late = new Promise<never>((_, fail) => {
      setTimeout(
        () => fail(new Error('the report did not end when it was cancelled')),
        END_DEADLINE_MS,
      ).unref();
    });
    await Promise.race([over, late]);
  }

  return {
    name: 'long-report-query',
    group: 'Queries',
    title: 'A report query eats the database',
    description:
      'A report looks for every debtor in every activity with one statement, in many parallel processes, for hours: every other query has to share the CPU with it.',
    truth: {
      cause: 'long-running-query',
      alsoAcceptable: [],
      evidence: ['active-queries'],
      notFirst: ['cpu-saturation-db', 'cpu-saturation-api', 'missing-index', 'gunicorn-starvation'],
      mitigation: 'cancel-query',
      harmful: ['add-workers', 'create-index'],
      recovers: 'by-mitigation',
    },
    isOn: () => session !== null,

    async on() {
      await untilFelt(targets, REPORT_WORKERS, async (workers) => {
        await end();
        await begin(workers);
        return true;
      });
    },

    off: end,
  };
}
