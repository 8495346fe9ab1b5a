import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Fault, FaultTargets } from './fault.ts';
import { openSession } from './session.ts';
import { watch } from './watch.ts';

const NAME = 'debtflow-admin: switchover';
/** PAUSE waits for open transactions; on a machine without a free CPU they last longer than the API's two seconds. */
const PAUSE_DEADLINE_MS = 15_000;

/** Somebody paused PgBouncer for a switchover and forgot RESUME: queries queue in it, and PostgreSQL idles. */
export function pgbouncerPaused(targets: FaultTargets): Fault {
  async function withConsole<T>(use: (console: pg.Client) => Promise<T>): Promise<T> {
    const console = await openSession(targets.pgbouncer?.adminUrl ?? '', NAME);
    try {
      return await use(console);
    } finally {
      await console.end();
    }
  }

  // PgBouncer 1.18 shows the PAUSE of one database; that of all of them it shows nowhere.
  const database = () => new URL(targets.pgbouncer?.apiUrl ?? '').pathname.slice(1);
  const isPaused = () =>
    withConsole(async (console) => {
      const { rows } = await console.query<{ name: string; paused: number | string }>('SHOW DATABASES');
      return rows.some(({ name, paused }) => name === database() && Number(paused) === 1);
    });
  const paused = watch(isPaused);

  return {
    name: 'pgbouncer-paused',
    group: 'Connections',
    title: 'PgBouncer was paused and never resumed',
    description:
      'PAUSE for a switchover, and nobody typed RESUME: every query waits in PgBouncer until it gives up, and PostgreSQL has nothing to do.',
    needs: ['pgbouncer'],
    truth: {
      cause: 'pgbouncer-paused',
      alsoAcceptable: [],
      evidence: ['pgbouncer'],
      notFirst: ['pool-starvation', 'gunicorn-starvation', 'connection-exhaustion', 'downstream-api-slow'],
      mitigation: 'pgbouncer-resume',
      harmful: ['add-workers', 'cancel-query', 'terminate-backend', 'create-index'],
      recovers: 'by-mitigation',
    },
    isOn: paused.isOn,

    async on() {
      await withConsole(async (console) => {
        const late = sleep(PAUSE_DEADLINE_MS, undefined, { ref: false }).then(() => {
          throw new Error('PgBouncer did not pause: a transaction is open for too long');
        });
        // Given up, the console is closed, and PgBouncer forgets the PAUSE that still waits.
        await Promise.race([console.query(`PAUSE ${database()}`), late]);
      });
      paused.start();
    },

    async off() {
      paused.stop();
      if (targets.pgbouncer && (await isPaused()))
        await withConsole((console) => console.query(`RESUME ${database()}`));
    },
  };
}
