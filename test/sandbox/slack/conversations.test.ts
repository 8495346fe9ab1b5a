import { describe, expect, test } from 'vitest';
import { CHANNEL, openWorkspace, postTo, reasonModal, refusal } from './workspace.ts';

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
