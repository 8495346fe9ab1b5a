import { expect, test, vi } from 'vitest';
import { textOf } from '../e2e/helpers/workspace.ts';
import { openScene } from '../helpers/publisher-scene.ts';

test.each([
  ['token_revoked', 'Slack refuses the bot token (token_revoked)'],
  ['missing_scope', 'the Slack app lacks the scope'],
])('%s is said, asked about slowly, and everything is shown once it is mended', async (error, words) => {
  const scene = await openScene();
  const incident = await scene.open('api');
  scene.slack.sandbox.failures.set({ errors: { 'chat.postMessage': error } });
  const publisher = scene.publish();
  await vi.waitFor(() => expect(publisher.trouble()).toContain(words), 10_000);
  const posts = () => scene.slack.sandbox.calls().filter((call) => call.method === 'chat.postMessage').length;
  await scene.changeLead(incident, 'UAPPROVER');
  await scene.changeLead(incident, 'UONCALL');
  expect(posts()).toBe(1);
  await publisher.stop();

  scene.slack.sandbox.failures.clear();
  const mended = scene.publish();
  await scene.settled(incident);
  expect(mended.trouble()).toBeNull();
  expect((await scene.shown(incident)).get('card')).toHaveLength(1);
});

test('an incident that was moved says in its timeline why it is here', async () => {
  const scene = await openScene();
  const incident = await scene.open('api', 'CARCHIVE');
  scene.publish();
  await vi.waitFor(
    async () => {
      const [timeline] = (await scene.shown(incident, 'CINCIDENTS')).get('timeline') ?? [];
      expect(textOf(timeline ?? { ts: '', text: '' })).toContain('cannot be posted to (is_archived)');
    },
    { timeout: 10_000 },
  );
});

test('an answer that hangs is given up, and its message is found again', async () => {
  const scene = await openScene();
  const incident = await scene.open('api');
  scene.slack.sandbox.failures.set({ delayMs: 2_000, times: 1 });
  scene.publish(scene.slack.client(500));
  await scene.settled(incident);
  expect((await scene.shown(incident)).get('card')).toHaveLength(1);
});

test('a text that Slack finds too long is shown in words that it takes', async () => {
  const scene = await openScene();
  const incident = await scene.open('api');
  scene.slack.sandbox.failures.set({ errors: { 'chat.postMessage': 'msg_too_long' }, times: 1 });
  scene.publish();
  await scene.settled(incident);
  const [card] = (await scene.shown(incident)).get('card') ?? [];
  expect(textOf(card ?? { ts: '', text: '' })).toContain('Slack refused the full message');
});
