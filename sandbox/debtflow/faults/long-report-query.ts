import pg from 'pg';
import type { Fault, FaultTargets } from './fault.ts';

/**
 * One session of `debtflow_report` runs one read-only SELECT that looks for every debtor's name in every activity's
 * note, for hours, in as many parallel processes as the reporting role is allowed (six a core). It takes no lock
 * that anybody waits for: it takes the CPU. Cancelling it ends it.
 */
const REPORT = `
SELECT "accounts_debtor"."id", COUNT(*) AS "mentions"
FROM "accounts_activity" INNER JOIN "accounts_debtor"
  ON ("accounts_activity"."note" LIKE '%' || "accounts_debtor"."full_name" || '%')
GROUP BY "accounts_debtor"."id" ORDER BY "mentions" DESC`.trim();

export function longReportQuery(targets: FaultTargets): Fault {
  let session: pg.Client | null = null;

  return {
    name: 'long-report-query',
    title: 'A report query eats the database',
    description:
      'A report looks for every debtor in every activity with one statement, in many parallel processes, for hours: every other query has to share the CPU with it.',
    isOn: () => session !== null,

    async on() {
      const client = new pg.Client({
        connectionString: targets.reportUrl,
        application_name: 'debtflow-report',
      });
      const over = () => {
        if (session === client) session = null;
      };
      client.on('error', over);
      client.on('end', over);
      await client.connect();
      session = client;
      // It ends by being cancelled or terminated (or in some hours): then the script that asked for it ends too.
      client.query(REPORT).then(
        () => client.end(),
        () => client.end(),
      );
    },

    async off() {
      const client = session;
      session = null;
      if (!client) return;
      await cancel(targets.reportUrl, client);
      await client.end();
    },
  };
}

/** Closing the socket would not do: the server notices a lost client only when it wants to answer. */
async function cancel(url: string, busy: pg.Client): Promise<void> {
  const { processID } = busy as unknown as { processID: number };
  const canceller = new pg.Client({ connectionString: url });
  await canceller.connect();
  try {
    // One's own role may be signalled without any privilege.
    await canceller.query('select pg_cancel_backend($1)', [processID]);
  } finally {
    await canceller.end();
  }
}
