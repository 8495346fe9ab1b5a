import { expect, test } from 'vitest';
import type { Incident } from '../../src/store/incidents.ts';
import { touchIncident } from '../../src/store/timeline.ts';
import { openScene, type Scene } from '../helpers/publisher-scene.ts';

const CREATE = 'conversations.canvases.create';
const EDIT = 'canvases.edit';

const calls = (scene: Scene, method: string) =>
  scene.slack.sandbox.calls().filter((call) => call.method === method);

async function resolve(scene: Scene, { id }: Incident): Promise<void> {
  await scene.db.query(
    "update incidents set state = 'resolved', resolved_at = now(), resolved_by = 'UONCALL', resolved_words = 'the report was ended' where id = $1",
    [id],
  );
  await touch(scene, id);
}
const touch = (scene: Scene, id: number) => scene.db.transaction((tx) => touchIncident(tx, id));

test('the report of a resolved incident goes to the head of the canvas of its channel, once', async () => {
  const scene = await openScene();
  const first = await scene.open('api');
  scene.publish();
  await scene.settled(first);
  expect(calls(scene, CREATE)).toEqual([]);
  await resolve(scene, first);
  await scene.settled(first);
  expect(calls(scene, CREATE)).toMatchObject([{ ok: true, args: { channel_id: first.channel } }]);
  expect(JSON.stringify(calls(scene, CREATE)[0]?.args)).toContain(`INC-${first.id}`);
  await touch(scene, first.id);
  await scene.settled(first);

  const second = await scene.open('api');
  await resolve(scene, second);
  await scene.settled(second);
  expect(calls(scene, CREATE)).toHaveLength(1);
  expect(calls(scene, EDIT)).toMatchObject([{ ok: true }]);
  const change = JSON.stringify(calls(scene, EDIT)[0]?.args);
  expect(change).toContain('insert_at_start');
  expect(change).toContain(`INC-${second.id}`);
});

test('a change whose answer got lost is not repeated, also not by the next process', async () => {
  const scene = await openScene();
  const incident = await scene.open('api');
  const publisher = scene.publish();
  await scene.settled(incident);
  scene.slack.sandbox.failures.set({ swallowAnswer: [CREATE], times: 1 });
  await resolve(scene, incident);
  await scene.settled(incident);
  await publisher.stop();
  await touch(scene, incident.id);
  scene.publish();
  await scene.settled(incident);
  expect(calls(scene, CREATE)).toHaveLength(1);
}, 30_000);

test('Slack is asked again when it said that it did nothing', async () => {
  const scene = await openScene();
  const incident = await scene.open('api');
  scene.publish();
  await scene.settled(incident);
  scene.slack.sandbox.failures.set({ errors: { [CREATE]: 'internal_error' }, times: 1 });
  await resolve(scene, incident);
  await scene.settled(incident);
  expect(calls(scene, CREATE).map(({ ok }) => ok)).toEqual([false, true]);
});

test('a canvas that people made is left alone', async () => {
  const scene = await openScene();
  const incident = await scene.open('api');
  const theirs = await scene.slack.client().conversations.canvases.create({
    channel_id: incident.channel,
    document_content: { type: 'markdown', markdown: '# Our runbooks' },
  });
  expect(theirs.ok).toBe(true);
  scene.publish();
  await resolve(scene, incident);
  await scene.settled(incident);
  expect(calls(scene, CREATE).map(({ ok }) => ok)).toEqual([true, false]);
  expect(calls(scene, EDIT)).toEqual([]);
});

test('a canvas that was deleted is made anew', async () => {
  const scene = await openScene();
  const incident = await scene.open('api');
  await scene.db.query('insert into channel_canvases (channel, canvas_id) values ($1, $2)', [
    incident.channel,
    'FGONE',
  ]);
  scene.publish();
  await resolve(scene, incident);
  await scene.settled(incident);
  expect(calls(scene, EDIT)).toMatchObject([{ ok: false, error: 'canvas_not_found' }]);
  expect(calls(scene, CREATE)).toMatchObject([{ ok: true }]);
});

test('without the scope there is no canvas, and the thread has everything', async () => {
  const scene = await openScene(['canvases:write']);
  const incident = await scene.open('api');
  scene.publish();
  await resolve(scene, incident);
  await scene.settled(incident);
  await touch(scene, incident.id);
  await scene.settled(incident);
  expect(calls(scene, CREATE)).toMatchObject([{ ok: false, error: 'missing_scope' }]);
});
