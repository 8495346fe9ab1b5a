import { connect } from 'node:net';
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

const CANCEL_REQUEST = 80_877_102;
const END_DEADLINE_MS = 2_000;

export function longReportQuery(targets: FaultTargets): Fault {
  let session: { client: pg.Client; over: Promise<void> } | null = null;

  return {
    name: 'long-report-query',
    title: 'A report query eats the database',
    description:
      'A report looks for every debtor in every activity with one statement, in many parallel processes, for hours: every other query has to share the CPU with it.',
    isOn: () => session !== null,

    async on() {
      const client = new pg.Client({
        connectionString: targets.database.reportUrl,
        application_name: 'debtflow-report',
      });
      client.on('error', () => undefined); // terminated from outside: the query rejects, too
      await client.connect();
      // However it ends (cancelled, terminated, or done after hours), the script that asked for it ends with it.
      const over = client
        .query(REPORT)
        .then(
          () => client.end(),
          () => client.end(),
        )
        .finally(() => {
          session = null;
        });
      session = { client, over };
    },

    async off() {
      if (!session) return;
      const { client, over } = session;
      await cancel(client);
      const late = new Promise<never>((_, fail) => {
        setTimeout(
          () => fail(new Error('the report did not end when it was cancelled')),
          END_DEADLINE_MS,
        ).unref();
      });
      await Promise.race([over, late]);
    },
  };
}

/** PostgreSQL's cancel request: closing the socket alone would not stop the statement, and it needs no free slot. */
async function cancel(busy: pg.Client): Promise<void> {
  const { processID, secretKey, host, port } = busy as unknown as Record<
    'processID' | 'secretKey' | 'port',
    number
  > & {
    host: string;
  };
  const packet = Buffer.alloc(16);
  [16, CANCEL_REQUEST, processID, secretKey].forEach((value, index) => {
    packet.writeInt32BE(value, index * 4);
  });
  await new Promise<void>((done, fail) => {
    connect(port, host)
      .once('error', fail)
      .once('close', () => done())
      .end(packet)
      .resume();
  });
}
