import { expect, test } from 'vitest';
import { buttonBlock, eventually, openWorkspace, startBot } from './workspace.ts';

const COMMAND = { as: 'UONCALL', do: 'command', channel: 'CINCIDENTS', command: '/latency' };

test('a command is answered by its acknowledgement, in private', async () => {
  const { address, act, client } = await openWorkspace();
  await startBot(address, (app) => {
    app.command('/latency', async ({ ack, command }) =>
      ack(`hello ${command.user_name} in ${command.channel_name}: ${command.text}`),
    );
  });
  const outcome = await act({ ...COMMAND, text: 'help @Amir Haddad <b>' });
  expect(outcome).toMatchObject({
    ok: true,
    ephemeral: {
      text: 'hello olivia in incidents: help <@UAPPROVER|amir> &lt;b&gt;',
      is_ephemeral: true,
    },
    message: null,
  });
  expect((await client().conversations.history({ channel: 'CINCIDENTS' })).messages).toEqual([]);
});

test('a command is answered in the channel when the app says so', async () => {
  const { address, act } = await openWorkspace();
  await startBot(address, (app) => {
    app.command('/latency', async ({ ack }) => ack({ response_type: 'in_channel', text: 'for all' }));
  });
  expect(await act(COMMAND)).toMatchObject({ ok: true, ephemeral: null, message: { text: 'for all' } });
});

test('a command is answered later through response_url', async () => {
  const { address, act } = await openWorkspace();
  await startBot(address, (app) => {
    app.command('/latency', async ({ ack, respond }) => {
      await ack();
      await respond('looking');
    });
  });
  expect(await act(COMMAND)).toMatchObject({ ok: true, ephemeral: { text: 'looking' } });
});

test('an answer that Slack refuses is an error for the person', async () => {
  const { address, act } = await openWorkspace();
  await startBot(address, (app) => {
    app.command('/latency', async ({ ack }) => ack({ text: 'x', blocks: [{ type: 'section' }] }));
  });
  expect(await act(COMMAND)).toMatchObject({ ok: false, error: 'invalid_command_response' });
});

test('a click carries who, where, what and the state of the message', async () => {
  const { address, act } = await openWorkspace();
  const bodies: unknown[] = [];
  const bot = await startBot(address, (app) => {
    app.action(/.*/, async ({ ack, body, respond }) => {
      bodies.push(body);
      await ack();
      await respond({ text: 'noted', replace_original: false });
    });
  });
  const options = ['15m', '1h'].map((value) => ({
    text: { type: 'plain_text' as const, text: value },
    value,
  }));
  const blocks = [
    { type: 'actions', block_id: 'b1', elements: [{ type: 'static_select', action_id: 'snooze', options }] },
    buttonBlock('approve', 'plan-3'),
  ];
  const { ts } = await bot.client.chat.postMessage({ channel: 'CINCIDENTS', text: 'card', blocks });
  const click = (more: object) => act({ as: 'UONCALL', do: 'click', channel: 'CINCIDENTS', ts, ...more });

  expect(await click({ action_id: 'approve', block_id: 'block-approve' })).toMatchObject({
    ephemeral: { text: 'noted' },
  });
  expect(bodies[0]).toMatchObject({
    type: 'block_actions',
    user: { id: 'UONCALL', team_id: 'TSANDBOX' },
    team: { id: 'TSANDBOX' },
    api_app_id: 'ALATENCYBOT',
    channel: { id: 'CINCIDENTS', name: 'incidents' },
    container: { type: 'message', message_ts: ts, channel_id: 'CINCIDENTS', is_ephemeral: false },
    message: { ts, text: 'card' },
    response_url: expect.stringContaining('/sandbox/response/'),
    trigger_id: expect.any(String),
    actions: [
      {
        type: 'button',
        action_id: 'approve',
        block_id: 'block-approve',
        value: 'plan-3',
        action_ts: expect.any(String),
      },
    ],
  });
  await click({ action_id: 'snooze', value: '1h' });
  expect(bodies[1]).toMatchObject({
    actions: [{ type: 'static_select', selected_option: { value: '1h' } }],
    state: { values: { b1: { snooze: { type: 'static_select', selected_option: { value: '1h' } } } } },
  });
  expect(await click({ action_id: 'snooze', value: '2h' })).toMatchObject({ error: 'no_such_option' });
  expect(await click({ action_id: 'approve', block_id: 'b1' })).toMatchObject({ error: 'no_such_action' });
});

test('a private message is replaced through its own button', async () => {
  const { address, act } = await openWorkspace();
  await startBot(address, (app) => {
    app.command('/latency', async ({ ack }) => ack({ text: 'sure?', blocks: [buttonBlock('sure')] }));
    app.action('sure', async ({ ack, body, respond }) => {
      await ack();
      const sawMessage = body.type === 'block_actions' && body.message !== undefined;
      await respond({ text: `done ${sawMessage}`, replace_original: true });
    });
  });
  const asked = (await act(COMMAND)).ephemeral;
  const click = { as: 'UONCALL', do: 'click', channel: 'CINCIDENTS', ts: asked?.ts, action_id: 'sure' };
  expect(await act({ ...click, as: 'UOBSERVER' })).toMatchObject({ ok: false, error: 'message_not_found' });
  expect(await act(click)).toMatchObject({ ephemeral: { ts: asked?.ts, text: 'done false' } });
  expect(await act(click)).toMatchObject({ ok: false, error: 'no_such_action' });
});

test('a mention reaches the bot, which answers in the thread', async () => {
  const { address, act, client } = await openWorkspace();
  await startBot(address, (app) => {
    app.event('app_mention', async ({ event, say }) => {
      await say({ text: `heard: ${event.text}`, thread_ts: event.ts });
    });
  });
  const said = await act({
    as: 'UONCALL',
    do: 'message',
    channel: 'CDEBTFLOW',
    text: '@Latency Bot why so slow & old?',
  });
  expect(said.message?.text).toBe('<@ULATENCYBOT> why so slow &amp; old?');
  const ts = said.message?.ts ?? '';
  await eventually(async () => {
    const { messages } = await client('xoxp-sandbox-oncall').conversations.replies({
      channel: 'CDEBTFLOW',
      ts,
    });
    expect(messages?.[1]).toMatchObject({
      text: 'heard: <@ULATENCYBOT> why so slow &amp; old?',
      thread_ts: ts,
    });
  });
});
