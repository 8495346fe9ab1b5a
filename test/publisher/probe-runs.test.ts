import { expect, test } from 'vitest';
import type { Incident } from '../../src/store/incidents.ts';
import { finishRun, insertRun, type Run, saveReport } from '../../src/store/runs.ts';
import { touchIncident } from '../../src/store/timeline.ts';
import { textOf } from '../e2e/helpers/workspace.ts';
import { openScene, type Scene } from '../helpers/publisher-scene.ts';
import { lockNode, lockReport } from '../helpers/reports.ts';

const REPORT = lockReport([lockNode({ pid: 4242 }), lockNode({ pid: 7, blockedBy: [4242] })]);

/** A run of one probe that is over. */
async function probeRun(scene: Scene, incident: Incident, report: unknown = REPORT): Promise<Run> {
  const { id: incidentId, service } = incident;
  const values = { incidentId, service, kind: 'probe', mitigationId: null, requestedBy: 'UONCALL' } as const;
  const probes = [{ id: 'lock-tree', step: 2 }];
  const run = await insertRun(scene.db, { ...values, deadlineMs: 9_000 }, probes);
  if (!run) throw new Error('a run is under way');
  const head = { probeId: 'lock-tree', step: 2, startedAt: new Date().toISOString(), durationMs: 3_004 };
  await saveReport(scene.db, run.id, { ...head, status: 'answered', report });
  await finishRun(scene.db, run.id, null);
  await scene.db.transaction((db) => touchIncident(db, incident.id));
  return run;
}

test('the report of each run of one probe is a message of its own in the thread', async () => {
  const scene = await openScene();
  const incident = await scene.open('api');
  scene.publish();
  const first = await probeRun(scene, incident);
  const second = await probeRun(scene, incident);
  await scene.settled(incident);
  const shown = await scene.shown(incident);
  expect([...shown.keys()].toSorted()).toEqual(
    ['card', `report:${first.id}`, `report:${second.id}`, 'timeline'].toSorted(),
  );
  const [card] = shown.get('card') ?? [];
  const [report] = shown.get(`report:${first.id}`) ?? [];
  expect(report).toMatchObject({ thread_ts: card?.ts });
  expect(report?.text).toContain('1 session waits for a lock');
  expect(report && textOf(report)).toMatch(/asked for by <@UONCALL>.*data_table.*pid 4242/);
});

test('a run that is still looking has no message yet', async () => {
  const scene = await openScene();
  const incident = await scene.open('api');
  const { id: incidentId, service } = incident;
  const values = { incidentId, service, kind: 'probe', mitigationId: null, requestedBy: 'UONCALL' } as const;
  await insertRun(scene.db, { ...values, deadlineMs: 9_000 }, [{ id: 'lock-tree', step: 2 }]);
  scene.publish();
  await scene.settled(incident);
  expect([...(await scene.shown(incident)).keys()].toSorted()).toEqual(['card', 'timeline']);
});

test('a workspace that refuses tables gets their words', async () => {
  const scene = await openScene();
  const incident = await scene.open('api');
  scene.publish();
  await scene.settled(incident);
  // The next post is that of the report.
  scene.slack.sandbox.failures.set({ errors: { 'chat.postMessage': 'invalid_blocks' }, times: 1 });
  const run = await probeRun(scene, incident);
  await scene.settled(incident);
  const [report] = (await scene.shown(incident)).get(`report:${run.id}`) ?? [];
  const text = report ? textOf(report) : '';
  expect(text).not.toContain('data_table');
  expect(text).toMatch(/rich_text_preformatted.*Who blocks.*pid 4242/);
});

test('a report that an older version stored does not hold up the thread', async () => {
  const scene = await openScene();
  const incident = await scene.open('api');
  scene.publish();
  const run = await probeRun(scene, incident, { nodes: 'of another shape' });
  await scene.settled(incident);
  const [report] = (await scene.shown(incident)).get(`report:${run.id}`) ?? [];
  expect(report?.text).toContain('its report is of another version of the bot');
});
