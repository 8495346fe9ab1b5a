import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { POOL_SIZE } from '../servers/pgbouncer.ts';
import type { Fault, FaultTargets } from './fault.ts';
import { openSession } from './session.ts';

const NAME = 'debtflow-export';
// The one that is left is shared with an upload in pages: the API comes through, but not at once.
const HELD = POOL_SIZE - 1;
const PAGE_MS = 400;
const PAUSE_MS = 250;
const READ = 'SELECT "accounts_agency"."id", "accounts_agency"."name" FROM "accounts_agency"';

/**
 * An export of the API's own code keeps transactions open while it uploads what it has read: each holds one server
 * connection of the API's pool, and PostgreSQL has next to nothing to do. When one of its sessions is ended, the
 * export gives up.
 */
export function pgbouncerPoolStarved(targets: FaultTargets): Fault {
  const sessions = new Set<pg.Client>();
  let paging: Promise<void> = Promise.resolve();
  let stopped = true;

  async function open(): Promise<pg.Client> {
    const client = await openSession(targets.pgbouncer?.apiUrl ?? '', NAME, (lost) => {
      if (sessions.has(lost) && !stopped) void stop();
    });
    if (stopped) {
      // Ended while it connected: nobody else would close it.
      await client.end();
      throw new Error('the export is over');
    }
    sessions.add(client);
    await client.query('BEGIN');
    await client.query(READ);
    return client;
  }

  /** One transaction after the other, each open for as long as an upload takes. */
  async function pageByPage(): Promise<void> {
    try {
      const client = await open();
      while (!stopped) {
        await sleep(PAGE_MS);
        await client.query('COMMIT');
        await sleep(PAUSE_MS);
        await client.query('BEGIN');
        await client.query(READ);
      }
    } catch {
      // Its connection was ended, by us or by somebody else: the export is over.
      if (!stopped) await stop();
    }
  }

  async function stop(): Promise<void> {
    stopped = true;
    const open = [...sessions];
    sessions.clear();
    await Promise.all(open.map((client) => client.end()));
  }

  return {
    name: 'pgbouncer-pool-starved',
    group: 'Connections',
    title: 'An export holds the connections of the pool',
    description: `It leaves ${HELD} transactions open while it uploads: PgBouncer has no server connection left for the API, and PostgreSQL has nothing to do.`,
    needs: ['pgbouncer'],
    truth: {
      cause: 'pool-starvation',
      alsoAcceptable: ['lock-idle-in-tx'],
      evidence: ['pgbouncer'],
      notFirst: ['gunicorn-starvation', 'connection-exhaustion', 'pgbouncer-paused', 'downstream-api-slow'],
      mitigation: 'terminate-backend',
      harmful: ['add-workers', 'create-index'],
      recovers: 'by-mitigation',
    },
    isOn: () => !stopped,

    async on() {
      stopped = false;
      try {
        for (let n = 0; n < HELD; n += 1) await open();
      } catch (error) {
        await stop();
        throw error;
      }
      paging = pageByPage();
    },

    async off() {
      await stop();
      await paging;
    },
  };
}
