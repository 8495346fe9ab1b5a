import { expect, test, vi } from 'vitest';
import type { Incident } from '../../src/store/incidents.ts';
import { addTimeline, touchIncident } from '../../src/store/timeline.ts';
import { textOf } from '../e2e/helpers/workspace.ts';
import { idleTransaction } from '../fixtures/incident-view.ts';
import { openScene, type Scene } from '../helpers/publisher-scene.ts';

const calls = (scene: Scene, method: string) =>
  scene.slack.sandbox.calls().filter((call) => call.method === method);
const note = (scene: Scene, { id }: Incident, kind: string, data = {}) =>
  scene.db.transaction((tx) => addTimeline(tx, id, kind, 'UONCALL', data));

async function diagnosed(scene: Scene): Promise<Incident> {
  const incident = await scene.open('api');
  await scene.db.query(
    `insert into runs (incident_id, service, kind, requested_by, state, deadline_at, finished_at, diagnosis)
     values ($1, 'api', 'triage', 'UONCALL', 'finished', now(), now(), $2)`,
    [incident.id, JSON.stringify(idleTransaction)],
  );
  return incident;
}

test('people on call are mentioned once: not again by an edit, a restart, or a new thread', async () => {
  const scene = await openScene();
  const incident = await scene.open('api');
  await note(scene, incident, 'on-call-called', { group: 'SONCALL' });
  const publisher = scene.publish();
  await scene.settled(incident);
  const [called] = (await scene.shown(incident)).get('on-call') ?? [];
  expect(called?.text).toContain('<!subteam^SONCALL> INC-');

  await publisher.stop();
  const [card] = (await scene.shown(incident)).get('card') ?? [];
  await scene.slack.client().chat.delete({ channel: incident.channel, ts: card?.ts ?? '' });
  await scene.db.query("update incidents set severity_reason = 'changed' where id = $1", [incident.id]);
  await scene.db.transaction((tx) => touchIncident(tx, incident.id));
  scene.publish();
  await scene.settled(incident);
  const mentions = calls(scene, 'chat.postMessage').filter((call) =>
    JSON.stringify(call.args).includes('subteam'),
  );
  expect(mentions).toHaveLength(1);
});

test('the report is uploaded into the thread, once each time that somebody asks', async () => {
  const scene = await openScene();
  const incident = await diagnosed(scene);
  scene.publish();
  await scene.settled(incident);
  expect(calls(scene, 'files.completeUploadExternal')).toHaveLength(0);
  await note(scene, incident, 'report-asked');
  await scene.settled(incident);
  expect(calls(scene, 'files.completeUploadExternal')).toMatchObject([{ ok: true }]);
  await scene.changeLead(incident, 'UAPPROVER');
  await scene.settled(incident);
  expect(calls(scene, 'files.completeUploadExternal')).toHaveLength(1);
  await note(scene, incident, 'report-asked');
  await scene.settled(incident);
  expect(calls(scene, 'files.completeUploadExternal')).toHaveLength(2);
});

test('an upload whose answer got lost is found by its name, not repeated', async () => {
  const scene = await openScene();
  const incident = await diagnosed(scene);
  scene.publish();
  await scene.settled(incident);
  scene.slack.sandbox.failures.set({ swallowAnswer: ['files.completeUploadExternal'], times: 1 });
  await note(scene, incident, 'report-asked');
  await scene.settled(incident);
  expect(calls(scene, 'files.completeUploadExternal')).toHaveLength(1);
});

test('without the scope the report comes as text, and only the log complains', async () => {
  const scene = await openScene(['files:write']);
  const incident = await diagnosed(scene);
  await note(scene, incident, 'report-asked');
  scene.publish();
  await scene.settled(incident);
  const [report] = (await scene.shown(incident)).get('report-text:0') ?? [];
  const words = textOf(report ?? { ts: '', text: '' });
  for (const part of [
    '## Impact',
    '## Cause',
    '## Prevention',
    'Celery workers a database connection pool',
  ]) {
    expect(words).toContain(part);
  }
  expect(calls(scene, 'files.getUploadURLExternal')).toHaveLength(1);
});

test('a thread catches up after a long outage with one edit of its card, not one per change', async () => {
  const scene = await openScene();
  const incident = await scene.open('api');
  scene.publish();
  await scene.settled(incident);
  scene.slack.sandbox.failures.set({ outage: true });
  for (let i = 0; i < 40; i++) await scene.changeLead(incident, i % 2 ? 'UONCALL' : 'UAPPROVER');
  await vi.waitFor(
    () => expect(calls(scene, 'chat.update').some((call) => call.error === 'http_503')).toBe(true),
    10_000,
  );
  await scene.changeLead(incident, 'UOBSERVER');
  const before = calls(scene, 'chat.update').length;
  scene.slack.sandbox.failures.clear();
  await scene.settled(incident);
  const [card] = (await scene.shown(incident)).get('card') ?? [];
  expect(textOf(card ?? { ts: '', text: '' })).toContain('<@UOBSERVER>');
  const done = calls(scene, 'chat.update')
    .slice(before)
    .filter((call) => call.ok && call.args.ts === card?.ts);
  expect(done).toHaveLength(1);
});
