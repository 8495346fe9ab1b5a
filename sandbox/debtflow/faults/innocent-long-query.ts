import type pg from 'pg';
import type { Fault, FaultTargets } from './fault.ts';
import { openSession } from './session.ts';

/** More rows than any socket buffer holds. */
const DOWNLOAD =
  'SELECT "accounts_activity".* FROM "accounts_activity" CROSS JOIN generate_series(1, 40) ' +
  'WHERE "accounts_activity"."kind" <> $$payment_promise$$';

/**
 * A report is downloaded over a slow line: its statement is active for as long as that takes, and waits for its
 * client nearly all the time (Client:ClientWrite). It harms nobody.
 */
export function innocentLongQuery(targets: FaultTargets): Fault {
  let session: pg.Client | null = null;
  return {
    name: 'innocent-long-query',
    group: 'Innocent',
    title: 'A long download that harms nobody',
    description:
      'One statement is active for hours, because its client reads slowly. It looks like the cause of whatever else is wrong.',
    truth: {
      cause: 'healthy',
      alsoAcceptable: [],
      evidence: [],
      notFirst: ['long-running-query'],
      mitigation: null,
      harmful: ['cancel-query', 'terminate-backend'],
      recovers: 'by-itself',
    },
    isOn: () => session !== null,

    async on() {
      const client = await openSession(targets.database.reportUrl, 'debtflow-report: download', (lost) => {
        if (session === lost) session = null;
      });
      // Cancelled or ended: the download is over.
      client.query(DOWNLOAD).then(
        () => client.end(),
        () => client.end(),
      );
      streamOf(client).pause();
      session = client;
    },

    async off() {
      const client = session;
      session = null;
      if (!client) return;
      const closed = new Promise<void>((done) => streamOf(client).once('close', () => done()));
      streamOf(client).destroy();
      await closed;
    },
  };
}

/** The client's socket: the server feels that nobody reads from it. */
function streamOf(client: pg.Client): import('node:net').Socket {
  return (client as unknown as { connection: { stream: import('node:net').Socket } }).connection.stream;
}
