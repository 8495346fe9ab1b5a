import { targetHash } from '../../src/incidents/propose.ts';
import type { Incident } from '../../src/store/incidents.ts';
import { type MitigationRow, mitigationsOf, replaceProposals } from '../../src/store/mitigations.ts';
import { insertRun } from '../../src/store/runs.ts';
import type { Target } from './test-kinds.ts';
import { ASKER, type World } from './world.ts';

/** Offers to set the number of a machine, as a diagnosis does. */
export async function offerNumber(
  world: World,
  incident: Incident,
  target: Target,
  kind = 'set-number',
): Promise<MitigationRow> {
  const { id: incidentId, service } = incident;
  const run = await insertRun(
    world.db,
    { incidentId, service, kind: 'triage', mitigationId: null, requestedBy: ASKER, deadlineMs: 60_000 },
    [],
  );
  if (!run) throw new Error('the service has a run under way');
  await world.db.query("update runs set state = 'finished', finished_at = now() where id = $1", [run.id]);
  await replaceProposals(world.db, incidentId, [
    {
      ...{ incidentId, service, kind, target, runId: run.id },
      causeId: 'gunicorn-starvation',
      title: `Set ${target.machine} to ${target.to}`,
      risk: 'low',
      targetHash: targetHash(kind, target),
      dryRun: {},
    },
  ]);
  const row = (await mitigationsOf(world.db, incidentId)).find(({ runId }) => runId === run.id);
  if (!row) throw new Error('nothing was offered');
  return row;
}
