import { expect, test, vi } from 'vitest';
import type { Incident } from '../../src/store/incidents.ts';
import { recordAttempt } from '../../src/store/messages.ts';
import { touchIncident } from '../../src/store/timeline.ts';
import { textOf } from '../e2e/helpers/workspace.ts';
import { idleTransaction } from '../fixtures/incident-view.ts';
import { openScene, type Scene } from '../helpers/publisher-scene.ts';

const calls = (scene: Scene, method: string) =>
  scene.slack.sandbox.calls().filter((call) => call.method === method);

/** Every slot is there exactly once. */
async function expectEachOnce(scene: Scene, incident: Incident): Promise<void> {
  const shown = await scene.shown(incident);
  expect(Object.fromEntries([...shown].map(([slot, messages]) => [slot, messages.length]))).toEqual({
    card: 1,
    timeline: 1,
  });
}

test('an outage is waited for; afterwards everything is there once, with the newest words', async () => {
  const scene = await openScene();
  scene.slack.sandbox.failures.set({ outage: true });
  const incident = await scene.open('api');
  scene.publish();
  await vi.waitFor(() => expect(calls(scene, 'chat.postMessage').length).toBeGreaterThan(0), 5_000);
  await scene.changeLead(incident, 'UAPPROVER');
  scene.slack.sandbox.failures.clear();
  await scene.settled(incident);
  await expectEachOnce(scene, incident);
  const [card] = (await scene.shown(incident)).get('card') ?? [];
  expect(card && textOf(card)).toContain('<@UAPPROVER>');
});

test('calls that fail at random leave nothing out and nothing twice', async () => {
  const scene = await openScene();
  scene.slack.sandbox.failures.set({ error500: 1, times: 3 });
  const incident = await scene.open('api');
  scene.publish();
  await scene.settled(incident);
  await expectEachOnce(scene, incident);
});

test('a post whose answer got lost is found by its metadata, not repeated', async () => {
  const scene = await openScene();
  scene.slack.sandbox.failures.set({ swallowAnswer: ['chat.postMessage'], times: 2 });
  const incident = await scene.open('api');
  scene.publish();
  await scene.settled(incident);
  await expectEachOnce(scene, incident);
  // Both messages were posted once, and both answers were lost.
  expect(calls(scene, 'chat.postMessage')).toHaveLength(2);
});

test('a post that a crash left unrecorded is found in a busy channel', async () => {
  const scene = await openScene();
  const incident = await scene.open('api');
  const slack = scene.slack.client();
  scene.slack.sandbox.failures.set({ ratelimitScale: 1_000 });
  await recordAttempt(scene.db, incident.id, 'card', incident.channel, null);
  const lost = await slack.chat.postMessage({
    channel: incident.channel,
    text: 'the card as the crashed process posted it',
    metadata: {
      event_type: 'latency_bot_slot',
      event_payload: { incident: incident.id, opened: incident.openedAt.getTime(), slot: 'card' },
    },
  });
  for (let i = 0; i < 210; i++)
    await slack.chat.postMessage({ channel: incident.channel, text: `chatter ${i}` });
  scene.publish();
  await scene.settled(incident);
  await expectEachOnce(scene, incident);
  expect((await scene.shown(incident)).get('card')?.[0]?.ts).toBe(lost.ts);
});

test('a post that never arrived is posted', async () => {
  const scene = await openScene();
  const incident = await scene.open('api');
  await recordAttempt(scene.db, incident.id, 'card', incident.channel, null);
  scene.publish();
  await scene.settled(incident);
  await expectEachOnce(scene, incident);
});

test('where the channel cannot be read, a lost post is repeated rather than never shown', async () => {
  const scene = await openScene();
  scene.slack.sandbox.failures.set({ errors: { 'conversations.history': 'missing_scope' } });
  const incident = await scene.open('api');
  await recordAttempt(scene.db, incident.id, 'card', incident.channel, null);
  scene.publish();
  await scene.settled(incident);
  await expectEachOnce(scene, incident);
});

test('a post that Slack broke off is looked for before it is posted again', async () => {
  const scene = await openScene();
  scene.slack.sandbox.failures.set({ errors: { 'chat.postMessage': 'internal_error' }, times: 1 });
  const incident = await scene.open('api');
  scene.publish();
  await scene.settled(incident);
  await expectEachOnce(scene, incident);
  expect(calls(scene, 'conversations.history').length).toBeGreaterThan(0);
});

test('looking that Slack breaks off is repeated, and nothing is posted in the meantime', async () => {
  const scene = await openScene();
  scene.slack.sandbox.failures.set({ errors: { 'conversations.history': 'internal_error' }, times: 1 });
  const incident = await scene.open('api');
  await recordAttempt(scene.db, incident.id, 'card', incident.channel, null);
  scene.publish();
  await scene.settled(incident);
  await expectEachOnce(scene, incident);
  expect(calls(scene, 'conversations.history')).toHaveLength(2);
});

test('a rate limit is respected, and holds up no other channel', async () => {
  const scene = await openScene();
  const slack = scene.slack.client();
  // Somebody else's posts have used up the allowance of the channel.
  const spend = async () => {
    for (let i = 0; i < 6; i++) await slack.chat.postMessage({ channel: 'CINCIDENTS', text: `chatter ${i}` });
  };
  await expect(spend()).rejects.toThrow(/rate/i);
  scene.slack.sandbox.failures.set({ ratelimitScale: 0.4 });
  const limited = await scene.open('api');
  scene.publish();
  const refused = () => calls(scene, 'chat.postMessage').filter((call) => call.error === 'ratelimited');
  const before = refused().length;
  await vi.waitFor(() => expect(refused().length).toBeGreaterThan(before), 5_000);
  const refusedAt = refused().at(-1)?.at ?? 0;

  const other = await scene.open('billing');
  await vi.waitFor(async () => expect((await scene.shown(other)).get('card')).toHaveLength(1), 1_500);
  expect((await scene.shown(limited)).get('card')).toBeUndefined();

  await vi.waitFor(async () => expect((await scene.shown(limited)).get('card')).toHaveLength(1), 8_000);
  const next = calls(scene, 'chat.postMessage').find(
    (call) => call.at > refusedAt && call.args.channel === limited.channel,
  );
  // The stand-in asks for at least one second.
  expect((next?.at ?? 0) - refusedAt).toBeGreaterThanOrEqual(1_000);
});

test('a message that Slack refuses is shown in words, and the others as they are', async () => {
  const scene = await openScene();
  const incident = await scene.open('api');
  scene.slack.sandbox.failures.set({ errors: { 'chat.postMessage': 'invalid_blocks' }, times: 1 });
  scene.publish();
  await scene.settled(incident);
  await expectEachOnce(scene, incident);
  const shown = await scene.shown(incident);
  expect(textOf(shown.get('card')?.[0] ?? { ts: '', text: '' })).toContain('Slack refused the full message');
  expect(textOf(shown.get('timeline')?.[0] ?? { ts: '', text: '' })).not.toContain('refused');
});

test('a workspace that refuses charts gets them as text from then on', async () => {
  const scene = await openScene();
  const incident = await scene.open('api');
  scene.publish();
  await scene.settled(incident);
  scene.slack.sandbox.failures.set({ errors: { 'chat.update': 'invalid_blocks' }, times: 1 });
  await scene.db.transaction(async (tx) => {
    await tx.query(
      `insert into runs (incident_id, service, kind, requested_by, state, deadline_at, finished_at, diagnosis)
       values ($1, 'api', 'triage', 'UONCALL', 'finished', now(), now(), $2)`,
      [incident.id, JSON.stringify(idleTransaction)],
    );
    await touchIncident(tx, incident.id);
  });
  await scene.settled(incident);
  const shown = await scene.shown(incident);
  for (const slot of ['card', 'diagnosis']) {
    const text = textOf(shown.get(slot)?.[0] ?? { ts: '', text: '' });
    expect(text).toContain(slot === 'card' ? 'Where requests are' : 'p95 by view');
    expect(text).not.toContain('data_visualization');
    expect(text).not.toContain('Slack refused');
  }
});

test('stopping in the middle of an outage is quick', async () => {
  const scene = await openScene();
  await scene.open('api');
  scene.slack.sandbox.failures.set({ outage: true });
  const publisher = scene.publish();
  await vi.waitFor(() => expect(scene.slack.sandbox.calls().length).toBeGreaterThan(0), 5_000);
  const begin = performance.now();
  await publisher.stop();
  expect(performance.now() - begin).toBeLessThan(500);
});

test('stopping in the middle of a call without an answer is quick, and the next start finds its message', async () => {
  const scene = await openScene();
  const incident = await scene.open('api');
  scene.slack.sandbox.failures.set({ delayMs: 3_000, times: 1 });
  const publisher = scene.publish();
  await vi.waitFor(async () => {
    const { rows } = await scene.db.query('select 1 from messages where attempted_at is not null');
    expect(rows).toHaveLength(1);
  }, 5_000);
  const begin = performance.now();
  await publisher.stop();
  expect(performance.now() - begin).toBeLessThan(1_500);

  await vi.waitFor(() => expect(calls(scene, 'chat.postMessage')).toHaveLength(1), 5_000);
  scene.publish();
  await scene.settled(incident);
  await expectEachOnce(scene, incident);
});
