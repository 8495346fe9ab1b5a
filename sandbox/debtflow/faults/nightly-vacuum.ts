import type pg from 'pg';
import type { Fault, FaultTargets } from './fault.ts';
import { cancelStatement, openSession } from './session.ts';

/** About a minute of waiting for each pass over the activities; next to no I/O. */
const COST_DELAY = '100ms';
const COST_LIMIT = 20;

/** The nightly VACUUM goes over the activities, throttled, as it should: it is active for minutes and harms nobody. */
export function nightlyVacuum(targets: FaultTargets): Fault {
  let session: { client: pg.Client; over: Promise<void> } | null = null;

  async function vacuum(client: pg.Client): Promise<void> {
    try {
      await client.query(`SET vacuum_cost_delay = '${COST_DELAY}'`);
      await client.query(`SET vacuum_cost_limit = ${COST_LIMIT}`);
      while (session?.client === client)
        await client.query('VACUUM (DISABLE_PAGE_SKIPPING) "accounts_activity"');
    } catch {
      // Cancelled or terminated: the night's maintenance is over.
    } finally {
      if (session?.client === client) session = null;
      await client.end();
    }
  }

  return {
    name: 'nightly-vacuum',
    group: 'Innocent',
    title: 'A vacuum that harms nobody',
    description:
      'The nightly VACUUM goes over the activities slowly, as it should, and blocks nothing that the API does.',
    truth: {
      cause: 'healthy',
      alsoAcceptable: [],
      evidence: [],
      notFirst: ['long-running-query', 'wraparound-vacuum', 'io-saturation'],
      mitigation: null,
      harmful: ['cancel-query', 'terminate-backend'],
      recovers: 'by-itself',
    },
    isOn: () => session !== null,
    async on() {
      const client = await openSession(targets.database.migrateUrl, 'debtflow-maintenance');
      session = { client, over: Promise.resolve() };
      session.over = vacuum(client);
    },
    async off() {
      if (!session) return;
      const { client, over } = session;
      session = null;
      await cancelStatement(client);
      await over;
    },
  };
}
