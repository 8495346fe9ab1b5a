import { expect, test, vi } from 'vitest';
import { touchIncident } from '../../src/store/timeline.ts';
import { textOf } from '../e2e/helpers/workspace.ts';
import { openScene, type Scene } from '../helpers/publisher-scene.ts';

const calls = (scene: Scene, method: string) =>
  scene.slack.sandbox.calls().filter((call) => call.method === method);

test('one card in the channel, the timeline in its thread; changes are edits of the same messages', async () => {
  const scene = await openScene();
  const incident = await scene.open('api');
  scene.publish();
  await scene.settled(incident);
  const before = await scene.shown(incident);
  expect([...before.keys()].sort()).toEqual(['card', 'timeline']);
  const [card] = before.get('card') ?? [];
  expect(card?.text).toContain('DebtFlow API is being looked at');
  expect(before.get('timeline')?.[0]).toMatchObject({ thread_ts: card?.ts });

  await scene.changeLead(incident, 'UAPPROVER');
  await vi.waitFor(async () => {
    const [edited] = (await scene.shown(incident)).get('card') ?? [];
    expect(textOf(edited ?? { ts: '', text: '' })).toContain('<@UAPPROVER>');
  }, 5_000);
  const after = await scene.shown(incident);
  expect(after.get('card')?.map((one) => one.ts)).toEqual([card?.ts]);
  expect(calls(scene, 'chat.postMessage')).toHaveLength(2);
});

test('forty revisions within a second are a handful of edits, and the last word is right', async () => {
  const scene = await openScene();
  const incident = await scene.open('api');
  scene.publish();
  await scene.settled(incident);
  for (let i = 0; i < 39; i++) await scene.changeLead(incident, `U${i}`);
  await scene.changeLead(incident, 'UAPPROVER');
  await scene.settled(incident);
  const shown = await scene.shown(incident);
  expect(textOf(shown.get('card')?.[0] ?? { ts: '', text: '' })).toContain('*Lead*\\n<@UAPPROVER>');
  expect(shown.get('card')).toHaveLength(1);
  expect(calls(scene, 'chat.update').length).toBeLessThanOrEqual(4);
});

test('a revision that changes nothing visible costs no call', async () => {
  const scene = await openScene();
  const incident = await scene.open('api');
  scene.publish();
  await scene.settled(incident);
  const before = scene.slack.sandbox.calls().length;
  await scene.db.transaction((tx) => touchIncident(tx, incident.id));
  await scene.settled(incident);
  expect(scene.slack.sandbox.calls()).toHaveLength(before);
});

test('two publishers on one store show one card', async () => {
  const scene = await openScene();
  scene.publish();
  scene.publish(scene.slack.client());
  const incident = await scene.open('api');
  await scene.settled(incident);
  await scene.changeLead(incident, 'UAPPROVER');
  await scene.settled(incident);
  const shown = await scene.shown(incident);
  expect([...shown.values()].map((messages) => messages.length)).toEqual([1, 1]);
});

test('when the leading publisher stops, another one goes on', async () => {
  const scene = await openScene();
  const first = scene.publish();
  const incident = await scene.open('api');
  await scene.settled(incident);
  await first.stop();
  scene.publish();
  await scene.changeLead(incident, 'UAPPROVER');
  await scene.settled(incident);
  const shown = await scene.shown(incident);
  expect(shown.get('card')).toHaveLength(1);
  expect(textOf(shown.get('card')?.[0] ?? { ts: '', text: '' })).toContain('<@UAPPROVER>');
});

test('a card that somebody deleted is posted anew, and what belongs to it follows into its thread', async () => {
  const scene = await openScene();
  const incident = await scene.open('api');
  scene.publish();
  await scene.settled(incident);
  const [card] = (await scene.shown(incident)).get('card') ?? [];
  await scene.slack.client().chat.delete({ channel: incident.channel, ts: card?.ts ?? '' });
  await scene.changeLead(incident, 'UAPPROVER');
  await scene.settled(incident);
  const shown = await scene.shown(incident);
  const fresh = shown.get('card')?.filter((one) => one.text !== 'This message was deleted.');
  expect(fresh).toHaveLength(1);
  expect(fresh?.[0]?.ts).not.toBe(card?.ts);
  expect(shown.get('timeline')?.some((one) => one.thread_ts === fresh?.[0]?.ts)).toBe(true);
});

test('an incident of a channel where the bot is not, or that is archived, appears in the channel of its service', async () => {
  const scene = await openScene();
  scene.publish();
  const outside = await scene.open('api', 'CPLATFORM');
  const archived = await scene.open('billing', 'CARCHIVE');
  await Promise.all([scene.settled(outside), scene.settled(archived)]);
  expect((await scene.shown(outside, 'CINCIDENTS')).get('card')).toHaveLength(1);
  expect((await scene.shown(archived, 'CDEBTFLOW')).get('card')).toHaveLength(1);
});
