import type pg from 'pg';
import type { Fault, FaultTargets } from './fault.ts';
import { cancelStatement, openSession } from './session.ts';

const NAME = 'debtflow-report: statements';
const SESSIONS = 6;
const WORK_MEM = '64kB';
const SORT =
  'SELECT COUNT(*) FROM (SELECT * FROM "payments_payment" ORDER BY "payments_payment"."amount", "payments_payment"."id" OFFSET 0) "sorted"';

/** The print run of the account statements sorts all payments in ten sessions with next to no work_mem: on disk. */
export function sortSpill(targets: FaultTargets): Fault {
  const sessions = new Map<pg.Client, Promise<void>>();
  let stopped = true;

  /** Sorts until somebody ends or cancels it: then the whole run gives up. */
  async function sort(client: pg.Client): Promise<void> {
    try {
      while (!stopped) await client.query(SORT);
    } catch {
      stopped = true;
    } finally {
      sessions.delete(client);
      await client.end();
    }
  }

  return {
    name: 'sort-spill',
    group: 'Queries',
    title: 'A print run sorts on disk',
    description: `It sorts all payments in ${SESSIONS} sessions with a work_mem of ${WORK_MEM}: gigabytes of temporary files, and no CPU left for the API.`,
    truth: {
      cause: 'sort-spill',
      alsoAcceptable: ['io-saturation', 'long-running-query'],
      evidence: ['top-statements'],
      notFirst: ['gunicorn-starvation', 'missing-index', 'cpu-saturation-api', 'traffic-spike'],
      mitigation: 'cancel-query',
      harmful: ['add-workers'],
      recovers: 'by-mitigation',
    },
    isOn: () => sessions.size > 0,

    async on() {
      stopped = false;
      try {
        for (let n = 0; n < SESSIONS; n += 1) {
          const client = await openSession(targets.database.reportUrl, NAME);
          await client.query(`SET work_mem = '${WORK_MEM}'`);
          sessions.set(client, sort(client));
        }
      } catch (error) {
        stopped = true;
        throw error;
      }
    },

    async off() {
      stopped = true;
      const open = [...sessions];
      await Promise.all(open.map(([client]) => cancelStatement(client)));
      await Promise.all(open.map(([, over]) => over));
    },
  };
}
