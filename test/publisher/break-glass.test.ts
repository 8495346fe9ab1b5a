import { expect, test } from 'vitest';
import type { Incident } from '../../src/store/incidents.ts';
import { insertRun } from '../../src/store/runs.ts';
import { touchIncident } from '../../src/store/timeline.ts';
import { openScene, type Scene } from '../helpers/publisher-scene.ts';

/** Somebody acted alone in this incident. */
async function actedAlone(scene: Scene, incident: Incident): Promise<void> {
  const { id: incidentId, service } = incident;
  const values = { incidentId, service, kind: 'triage', mitigationId: null, requestedBy: 'UONCALL' } as const;
  const run = await insertRun(scene.db, { ...values, deadlineMs: 60_000 }, []);
  await scene.db.query(
    `insert into mitigations (incident_id, run_id, service, cause_id, kind, title, risk, target, target_hash, dry_run, state,
       requested_by, requested_at, reason, break_glass)
     values ($1, $2, $3, 'lock-idle-in-tx', 'unknown-kind', 'Terminate pid 4242', 'medium', '{}', 'f00d', '{}', 'approved',
       'UONCALL', now(), 'nobody answers the phone', true)`,
    [incidentId, run?.id, service],
  );
  await scene.db.transaction((db) => touchIncident(db, incidentId));
}

test('who acts alone is named at the top of the channel of the service, once, also where the thread is elsewhere', async () => {
  const scene = await openScene();
  const incident = await scene.open('api', 'CDEBTFLOW');
  await actedAlone(scene, incident);
  scene.publish();
  await scene.settled(incident);
  const told = (await scene.shown(incident, 'CINCIDENTS')).get('break-glass:1') ?? [];
  expect(told).toHaveLength(1);
  expect(told[0]?.thread_ts).toBeUndefined();
  expect(told[0]?.text).toContain('<@UONCALL> acts without an approval: Terminate pid 4242');
  expect(told[0]?.text).toContain('nobody answers the phone');
  expect((await scene.shown(incident, 'CDEBTFLOW')).get('mitigation:1')?.[0]?.thread_ts).toBeDefined();
});
