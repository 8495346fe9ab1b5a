import { describe, expect, test } from 'vitest';
import { buttonBlock, CHANNEL, openWorkspace, postTo, refusal } from './workspace.ts';

describe('tokens', () => {
  test('answers who a token belongs to', async () => {
    const { client } = await openWorkspace();
    expect(await client().auth.test()).toMatchObject({
      user_id: 'ULATENCYBOT',
      bot_id: 'BLATENCYBOT',
      team: 'DebtFlow',
    });
    expect(await client('xoxp-sandbox-approver').auth.test()).toMatchObject({ user_id: 'UAPPROVER' });
  });

  test.each([
    ['none', '', 'not_authed'],
    ['an unknown one', 'xoxb-other', 'invalid_auth'],
    ['the app token', 'xapp-sandbox', 'not_allowed_token_type'],
  ])('refuses %s', async (_name, token, error) => {
    const { client } = await openWorkspace();
    expect(await refusal(client(token).chat.postMessage({ channel: CHANNEL, text: 'x' }))).toMatchObject({
      error,
    });
  });

  test('refuses a method without its scope, and names it', async () => {
    const { client } = await openWorkspace({ manifest: { scopes: ['chat:write'] } });
    expect(await refusal(client().pins.add({ channel: CHANNEL, timestamp: '1.1' }))).toMatchObject({
      error: 'missing_scope',
      needed: 'pins:write',
      provided: 'chat:write',
    });
  });

  test('takes JSON, forms and queries alike, and knows its methods', async () => {
    const { address, send } = await openWorkspace();
    const json = await send('/api/chat.postMessage', {
      token: 'xoxb-sandbox-bot',
      channel: CHANNEL,
      text: 'json',
      blocks: [{ type: 'divider' }],
    });
    expect(await json.json()).toMatchObject({ ok: true, message: { blocks: [{ type: 'divider' }] } });
    const query = await fetch(
      `${address}/api/conversations.history?token=xoxb-sandbox-bot&channel=${CHANNEL}`,
    );
    expect(await query.json()).toMatchObject({ ok: true, messages: [{ text: 'json' }] });
    expect(await (await send('/api/chat.shout', {})).json()).toMatchObject({
      ok: false,
      error: 'unknown_method',
    });
  });
});

describe('posting', () => {
  test('returns the message as it is stored, under a new ts each time', async () => {
    const { client } = await openWorkspace({ now: () => 1_795_426_680_000 });
    const blocks = [buttonBlock('go'), { type: 'divider' }];
    const first = await client().chat.postMessage({ channel: CHANNEL, text: 'a', blocks });
    const second = await client().chat.postMessage({ channel: CHANNEL, text: 'a' });
    expect([first.ts, second.ts]).toEqual(
      ['1795426680.000000', '1795426680.000002'].map(() => expect.stringMatching(/^1795426680\.\d{6}$/)),
    );
    expect(Number(second.ts?.split('.')[1])).toBeGreaterThan(Number(first.ts?.split('.')[1]));
    expect(first.message).toMatchObject({
      bot_id: 'BLATENCYBOT',
      blocks: [{ block_id: 'block-go' }, { block_id: expect.any(String) }],
    });
  });

  test.each<[string, string, string]>([
    ['an unknown channel', 'CNOWHERE', 'channel_not_found'],
    ['a channel without the bot', 'CPLATFORM', 'not_in_channel'],
    ['an archived channel', 'CARCHIVE', 'is_archived'],
  ])('refuses %s', async (_name, channel, error) => {
    const { client } = await openWorkspace();
    expect(await refusal(client().chat.postMessage({ channel, text: 'x' }))).toMatchObject({ error });
  });

  test('says where a block is wrong, and posts nothing', async () => {
    const { client } = await openWorkspace();
    const blocks = [{ type: 'alert', text: { type: 'mrkdwn', text: 'x' } }];
    expect(await refusal(client().chat.postMessage({ channel: CHANNEL, text: 'x', blocks }))).toMatchObject({
      error: 'invalid_blocks',
      response_metadata: { messages: ['[ERROR] unsupported type: alert [json-pointer:/blocks/0/type]'] },
    });
    expect((await client().conversations.history({ channel: CHANNEL })).messages).toEqual([]);
  });

  test('cuts text at 40,000 characters and refuses none at all', async () => {
    const { client } = await openWorkspace();
    const { message } = await client().chat.postMessage({ channel: CHANNEL, text: 'x'.repeat(40_001) });
    expect(message?.text).toHaveLength(40_000);
    expect(await refusal(client().chat.postMessage({ channel: CHANNEL, text: '' }))).toMatchObject({
      error: 'no_text',
    });
  });

  test('posts for a person with their token', async () => {
    const { client } = await openWorkspace();
    const { message } = await client('xoxp-sandbox-oncall').chat.postMessage({
      channel: CHANNEL,
      text: 'hi',
    });
    expect(message).toMatchObject({ user: 'UONCALL' });
    expect(message).not.toHaveProperty('bot_id');
  });

  test('posts to a person only while the messages tab is on', async () => {
    const on = await openWorkspace();
    expect(await on.client().chat.postMessage({ channel: 'UONCALL', text: 'x' })).toMatchObject({
      channel: 'DONCALL',
    });
    const off = await openWorkspace({ manifest: { messagesTab: false } });
    expect(await refusal(off.client().chat.postMessage({ channel: 'UONCALL', text: 'x' }))).toMatchObject({
      error: 'messages_tab_disabled',
    });
  });
});

describe('updating', () => {
  test('replaces text and blocks, and marks the message as edited', async () => {
    const { client } = await openWorkspace();
    const { ts = '' } = await client().chat.postMessage({
      channel: CHANNEL,
      text: 'a',
      blocks: [{ type: 'divider' }],
    });
    await client().chat.update({ channel: CHANNEL, ts, text: 'b' });
    const [message] = (await client().conversations.history({ channel: CHANNEL })).messages ?? [];
    expect(message).toMatchObject({ text: 'b', ts, edited: { user: 'BLATENCYBOT' } });
    expect(message).not.toHaveProperty('blocks');
  });

  test('keeps metadata when it is left out, removes it when it is empty, shows it on request', async () => {
    const { client } = await openWorkspace();
    const metadata = { event_type: 'incident', event_payload: { id: 'INC-1' } };
    const { ts = '' } = await client().chat.postMessage({ channel: CHANNEL, text: 'a', metadata });
    const read = async (all: boolean) =>
      (await client().conversations.history({ channel: CHANNEL, include_all_metadata: all })).messages?.[0];
    await client().chat.update({ channel: CHANNEL, ts, text: 'b' });
    expect(await read(true)).toMatchObject({ metadata });
    expect(await read(false)).not.toHaveProperty('metadata');
    await client().apiCall('chat.update', { channel: CHANNEL, ts, text: 'c', metadata: {} });
    expect(await read(true)).not.toHaveProperty('metadata');
  });

  test('refuses what is not there, not the bot’s, or too long', async () => {
    const { client } = await openWorkspace();
    const ts = await postTo(client('xoxp-sandbox-oncall'));
    const own = await postTo(client());
    const update = (more: { ts: string; text?: string }) =>
      client().chat.update({ channel: CHANNEL, text: 'x', ...more });
    expect(await refusal(update({ ts }))).toMatchObject({ error: 'cant_update_message' });
    expect(await refusal(update({ ts: '1.000001' }))).toMatchObject({ error: 'message_not_found' });
    expect(await refusal(update({ ts: own, text: 'x'.repeat(4001) }))).toMatchObject({
      error: 'msg_too_long',
    });
    expect(await update({ ts: own, text: 'x'.repeat(4000) })).toMatchObject({ ok: true });
    expect(await refusal(client().chat.delete({ channel: CHANNEL, ts }))).toMatchObject({
      error: 'cant_delete_message',
    });
  });
});
