import type pg from 'pg';
import type { Fault, FaultTargets } from './fault.ts';
import { cancelStatement, openSession } from './session.ts';
import { untilFelt } from './until-felt.ts';

const NAME = 'debtflow-report: statements';
/** So many at first, and more until the clients of this machine feel it. */
const SESSIONS = [6, 9, 12, 15, 18, 21, 24];
const WORK_MEM = '64kB';
/** For each of the templates it sorts all payments anew: hours, of which no counter knows before the end. */
const SORT = `
SELECT SUM("printed"."payments") FROM GENERATE_SERIES(1, 5000) "template"("id"),
  LATERAL (SELECT COUNT(*) AS "payments" FROM (
    SELECT * FROM "payments_payment" ORDER BY "payments_payment"."amount" * "template"."id", "payments_payment"."id" OFFSET 0
  ) "sorted") "printed"`.trim();

/** The print run of the account statements sorts all payments in some sessions with next to no work_mem: on disk. */
export function sortSpill(targets: FaultTargets): Fault {
  const sessions = new Map<pg.Client, Promise<void>>();
  let stopped = true;

  async function sort(client: pg.Client): Promise<void> {
    try {
      await client.query(SORT);
    } catch {
      if (!stopped) void stop(); // somebody has cancelled or ended it: the whole run gives up
    } finally {
      sessions.delete(client);
      await client.end();
    }
  }

  async function stop(): Promise<void> {
    stopped = true;
    const open = [...sessions];
    await Promise.all(open.map(([client]) => cancelStatement(client)));
    await Promise.all(open.map(([, over]) => over));
  }

  return {
    name: 'sort-spill',
    group: 'Queries',
    title: 'A print run sorts on disk',
    description: `It sorts all payments in many sessions with a work_mem of ${WORK_MEM}: gigabytes of temporary files, and no CPU left for the API.`,
    truth: {
      cause: 'sort-spill',
      alsoAcceptable: ['io-saturation', 'long-running-query'],
      evidence: ['active-queries', 'postgres-server'],
      notFirst: ['gunicorn-starvation', 'missing-index', 'cpu-saturation-api', 'traffic-spike'],
      mitigation: 'cancel-query',
      harmful: ['add-workers'],
      recovers: 'by-mitigation',
    },
    isOn: () => sessions.size > 0,

    async on() {
      stopped = false;
      try {
        await untilFelt(targets, SESSIONS, async (size) => {
          while (!stopped && sessions.size < size) {
            const client = await openSession(targets.database.reportUrl, NAME);
            await client.query(`SET work_mem = '${WORK_MEM}'`);
            sessions.set(client, sort(client));
          }
          return !stopped;
        });
      } catch (error) {
        stopped = true;
        throw error;
      }
    },

    off: stop,
  };
}
