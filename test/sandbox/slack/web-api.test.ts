import type { WebClient } from '@slack/web-api';
import { WebAPIPlatformError } from '@slack/web-api';
import { describe, expect, test } from 'vitest';
import { buttonBlock, openWorkspace, reasonModal } from './workspace.ts';

const CHANNEL = 'CINCIDENTS';

/** What Slack said to a call that it refused. */
async function refusal(call: Promise<unknown>): Promise<Record<string, unknown>> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(WebAPIPlatformError);
  return error instanceof WebAPIPlatformError ? { ...error.data } : {};
}

async function postTo(
  client: WebClient,
  args: { thread_ts?: string; channel?: string; text?: string } = {},
): Promise<string> {
  const { ts } = await client.chat.postMessage({ channel: CHANNEL, text: 'hello', ...args });
  return ts ?? '';
}

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

describe('threads', () => {
  test('counts replies on the parent, and keeps them out of the history', async () => {
    const { client } = await openWorkspace();
    const parent = await postTo(client());
    const replies = [
      await postTo(client(), { thread_ts: parent }),
      await postTo(client('xoxp-sandbox-oncall'), { thread_ts: parent }),
    ];
    const history = (await client().conversations.history({ channel: CHANNEL })).messages ?? [];
    expect(history).toHaveLength(1);
    expect(history[0]).toMatchObject({
      ts: parent,
      thread_ts: parent,
      reply_count: 2,
      reply_users_count: 2,
      latest_reply: replies[1],
    });
    const thread = (await client().conversations.replies({ channel: CHANNEL, ts: parent })).messages ?? [];
    expect(thread.map((one) => one.ts)).toEqual([parent, ...replies]);
    await client().chat.delete({ channel: CHANNEL, ts: replies[0] ?? '' });
    expect((await client().conversations.history({ channel: CHANNEL })).messages?.[0]).toMatchObject({
      reply_count: 1,
    });
  });

  test('hang on a parent: not on a reply, not on nothing, not on what was deleted', async () => {
    const { client } = await openWorkspace();
    const parent = await postTo(client());
    const reply = await postTo(client(), { thread_ts: parent });
    for (const threadTs of [reply, '1.000001']) {
      expect(await refusal(postTo(client(), { thread_ts: threadTs }))).toMatchObject({
        error: 'thread_not_found',
      });
    }
    expect(await refusal(client().conversations.replies({ channel: CHANNEL, ts: '1.000001' }))).toMatchObject(
      { error: 'thread_not_found' },
    );
    await client().chat.delete({ channel: CHANNEL, ts: parent });
    expect((await client().conversations.history({ channel: CHANNEL })).messages).toMatchObject([
      { subtype: 'tombstone' },
    ]);
    expect(await refusal(postTo(client(), { thread_ts: parent }))).toMatchObject({
      error: 'thread_not_found',
    });
  });

  test('shows a broadcast reply in the channel too', async () => {
    const { client } = await openWorkspace();
    const parent = await postTo(client());
    await client().chat.postMessage({
      channel: CHANNEL,
      text: 'done',
      thread_ts: parent,
      reply_broadcast: true,
    });
    expect((await client().conversations.history({ channel: CHANNEL })).messages).toMatchObject([
      { subtype: 'thread_broadcast' },
      { ts: parent },
    ]);
  });
});

describe('reading', () => {
  test('pages through the history, newest first', async () => {
    const { client } = await openWorkspace();
    const reader = client('xoxp-sandbox-observer');
    const all: string[] = [];
    for (const text of ['a', 'b', 'c', 'd', 'e'])
      all.unshift(await postTo(client('xoxp-sandbox-oncall'), { text }));
    const seen: (string | undefined)[] = [];
    for await (const page of reader.paginate('conversations.history', { channel: CHANNEL, limit: 2 })) {
      const { messages } = page as { messages?: { ts?: string }[] };
      seen.push(...(messages ?? []).map((one) => one.ts));
    }
    expect(seen).toEqual(all);
    const between = { channel: CHANNEL, latest: all[1] ?? '', oldest: all[3] ?? '' };
    const tsOf = async (inclusive: boolean) =>
      (await reader.conversations.history({ ...between, inclusive })).messages?.map((one) => one.ts);
    expect(await tsOf(false)).toEqual([all[2]]);
    expect(await tsOf(true)).toEqual(all.slice(1, 4));
  });

  test('knows the people, the groups and the channels', async () => {
    const { client } = await openWorkspace();
    expect((await client().usergroups.users.list({ usergroup: 'SAPPROVERS' })).users).toEqual(['UAPPROVER']);
    expect((await client().users.info({ user: 'UONCALL' })).user).toMatchObject({
      real_name: 'Olivia Ng',
      is_bot: false,
      is_restricted: false,
    });
    expect(await refusal(client().users.info({ user: 'UNOBODY' }))).toMatchObject({
      error: 'user_not_found',
    });
    expect((await client().conversations.info({ channel: 'CPLATFORM' })).channel).toMatchObject({
      is_member: false,
    });
    expect((await client().conversations.members({ channel: CHANNEL })).members).toContain('ULATENCYBOT');
    expect(await refusal(client().conversations.join({ channel: 'CPLATFORM' }))).toMatchObject({
      error: 'missing_scope',
    });
  });

  test('joins a channel and may then write in it', async () => {
    const { client } = await openWorkspace({ manifest: { scopes: ['channels:join', 'chat:write'] } });
    await client().conversations.join({ channel: 'CPLATFORM' });
    expect(await client().chat.postMessage({ channel: 'CPLATFORM', text: 'x' })).toMatchObject({ ok: true });
  });
});

describe('the rest', () => {
  test('reacts and pins once', async () => {
    const { client } = await openWorkspace();
    const timestamp = await postTo(client());
    const react = () => client().reactions.add({ channel: CHANNEL, timestamp, name: 'eyes' });
    const pin = () => client().pins.add({ channel: CHANNEL, timestamp });
    await react();
    await pin();
    expect(await refusal(react())).toMatchObject({ error: 'already_reacted' });
    expect(await refusal(pin())).toMatchObject({ error: 'already_pinned' });
    const [message] = (await client().conversations.history({ channel: CHANNEL })).messages ?? [];
    expect(message).toMatchObject({
      reactions: [{ name: 'eyes', users: ['ULATENCYBOT'], count: 1 }],
      pinned_to: [CHANNEL],
    });
  });

  test('shares an uploaded file in a thread, and serves it', async () => {
    const { client } = await openWorkspace();
    const parent = await postTo(client());
    const file = Buffer.from('{"a":1}');
    await client().filesUploadV2({ channel_id: CHANNEL, thread_ts: parent, file, filename: 'report.json' });
    const thread = (await client().conversations.replies({ channel: CHANNEL, ts: parent })).messages ?? [];
    const shared = thread[1]?.files?.[0];
    expect(shared).toMatchObject({ name: 'report.json', size: 7 });
    expect(await (await fetch(shared?.url_private ?? '')).text()).toBe('{"a":1}');
    expect(
      await refusal(client().files.completeUploadExternal({ files: [{ id: 'F1', title: 'x' }] })),
    ).toMatchObject({ error: 'file_not_found' });
  });

  test('creates one canvas per channel', async () => {
    const { client } = await openWorkspace();
    const create = () =>
      client().conversations.canvases.create({
        channel_id: CHANNEL,
        document_content: { type: 'markdown', markdown: '# a' },
      });
    expect(await create()).toMatchObject({ canvas_id: expect.stringMatching(/^F/) });
    expect(await refusal(create())).toMatchObject({ error: 'channel_canvas_already_exists' });
  });

  test('validates blocks, messages and views without posting them', async () => {
    const { send } = await openWorkspace();
    const validate = async (body: object) => (await send('/api/blocks.validate', body)).json();
    expect(await validate({ blocks: [{ type: 'divider' }] })).toEqual({ ok: true });
    expect(
      await validate({ blocks: [{ type: 'section', text: { type: 'invalid', text: 'x' } }] }),
    ).toMatchObject({
      error: 'invalid_blocks',
      errors: [{ pointer: '/0/text/type', code: 'failed_constraint', message: 'unsupported type: invalid' }],
    });
    expect(await validate({ view: { ...reasonModal(), submit: undefined } })).toMatchObject({
      error: 'invalid_view',
    });
    expect(await validate({ message: { blocks: [] } })).toMatchObject({ error: 'invalid_message' });
    expect(await validate({})).toMatchObject({ error: 'invalid_arguments' });
  });
});
