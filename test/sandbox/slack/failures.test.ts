import { WebAPIHTTPError, WebAPIRateLimitedError, WebAPIRequestError } from '@slack/web-api';
import { expect, test } from 'vitest';
import { eventually, openWorkspace, startBot } from './workspace.ts';

const POST = { channel: 'CINCIDENTS', text: 'x' };

test('an outage answers 503 to the bot and cuts its connections; people still read', async () => {
  const { address, client, send, act } = await openWorkspace();
  const bot = await startBot(address, (app) => app.command('/latency', async ({ ack }) => ack('here')));
  const command = { as: 'UONCALL', do: 'command', channel: 'CINCIDENTS', command: '/latency' };
  expect(await act(command)).toMatchObject({ ok: true });
  await send('/sandbox/slack/failures', { outage: true }, 'PUT');
  await expect(bot.client.chat.postMessage(POST)).rejects.toThrow(WebAPIHTTPError);
  expect(await act(command)).toMatchObject({ ok: false, error: 'dispatch_failed' });
  expect(await client('xoxp-sandbox-oncall').conversations.history({ channel: POST.channel })).toMatchObject({
    messages: [],
  });
  await fetch(`${address}/sandbox/slack/failures`, { method: 'DELETE' });
  expect(await bot.client.chat.postMessage(POST)).toMatchObject({ ok: true });
});

test('a swallowed answer belongs to a call that was performed', async () => {
  const { client, sandbox } = await openWorkspace();
  sandbox.failures.set({ swallowAnswer: ['chat.postMessage'], times: 1 });
  await expect(client().chat.postMessage(POST)).rejects.toThrow(WebAPIRequestError);
  expect((await client().conversations.history({ channel: POST.channel })).messages).toHaveLength(1);
  await client().chat.postMessage(POST);
  expect(sandbox.calls().map((one) => [one.method, one.ok])).toEqual([
    ['chat.postMessage', true],
    ['conversations.history', true],
    ['chat.postMessage', true],
  ]);
});

test('an error on order is answered without performing the call, as often as asked', async () => {
  const { client, sandbox } = await openWorkspace();
  sandbox.failures.set({ errors: { 'chat.postMessage': 'restricted_action' }, times: 2 });
  for (let round = 0; round < 2; round += 1) {
    await expect(client().chat.postMessage(POST)).rejects.toMatchObject({
      data: { error: 'restricted_action' },
    });
  }
  await client().chat.postMessage(POST);
  expect((await client().conversations.history({ channel: POST.channel })).messages).toHaveLength(1);
  expect(sandbox.failures.get()).toMatchObject({ errors: {} });
});

test('a share of calls answers 500 and does nothing', async () => {
  const { client, sandbox } = await openWorkspace();
  sandbox.failures.set({ error500: 1 });
  await expect(client().chat.postMessage(POST)).rejects.toMatchObject({ statusCode: 500 });
  sandbox.failures.clear();
  expect((await client().conversations.history({ channel: POST.channel })).messages).toEqual([]);
});

test('dropped connections come back by themselves', async () => {
  const { address, act, sandbox } = await openWorkspace();
  await startBot(address, (app) => app.command('/latency', async ({ ack }) => ack('here')));
  const command = { as: 'UONCALL', do: 'command', channel: 'CINCIDENTS', command: '/latency' };
  sandbox.failures.set({ dropSockets: true });
  expect(await act(command)).toMatchObject({ error: 'dispatch_failed' });
  await eventually(async () => expect(await act(command)).toMatchObject({ ok: true }));
});

test('a sixth post in one second is refused with Retry-After; another channel and people are not', async () => {
  const { client, sandbox } = await openWorkspace({ now: () => 1_795_426_680_000 });
  for (let round = 0; round < 5; round += 1) await client().chat.postMessage(POST);
  const refused = await client()
    .chat.postMessage(POST)
    .catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(WebAPIRateLimitedError);
  expect(refused).toMatchObject({ retryAfter: 1 });
  expect(sandbox.calls().at(-1)).toMatchObject({ ok: false, error: 'ratelimited' });
  await client().chat.postMessage({ ...POST, channel: 'CDEBTFLOW' });
  for (let round = 0; round < 10; round += 1) await client('xoxp-sandbox-oncall').chat.postMessage(POST);
});

test('calls are listed since a moment, without tokens', async () => {
  let now = 1000;
  const { address, client } = await openWorkspace({ now: () => now });
  await client().auth.test();
  now = 2000;
  await client().chat.postMessage({ ...POST, text: 'y'.repeat(500), blocks: [{ type: 'divider' }] });
  const { calls } = await (await fetch(`${address}/sandbox/slack/calls?since=2000`)).json();
  expect(calls).toMatchObject([
    { at: 2000, method: 'chat.postMessage', ok: true, error: null, args: { channel: POST.channel } },
  ]);
  expect(JSON.stringify(calls)).not.toContain('xoxb');
  expect(JSON.stringify(calls).length).toBeLessThan(700);
});

test('a failure that does not exist is refused', async () => {
  const { send } = await openWorkspace();
  const answer = await send('/sandbox/slack/failures', { error500: 2 }, 'PUT');
  expect(answer.status).toBe(400);
  expect((await send('/sandbox/slack/failures', { fire: true }, 'PUT')).status).toBe(400);
});
