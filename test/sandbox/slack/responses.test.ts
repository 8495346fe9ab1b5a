import { expect, test } from 'vitest';
import { buttonBlock, NOTHING_COMES, openWorkspace, startBot } from './workspace.ts';

/** A workspace whose command hands its `response_url` to the test. */
async function withResponseUrl(now: () => number = Date.now) {
  const workspace = await openWorkspace({ now, timings: NOTHING_COMES });
  const urls: string[] = [];
  const bot = await startBot(workspace.address, (app) => {
    app.command('/latency', async ({ ack, command }) => {
      urls.push(command.response_url);
      await ack('taken');
    });
    app.action('go', async ({ ack, body }) => {
      if (body.type === 'block_actions') urls.push(body.response_url);
      await ack();
    });
  });
  const use = async (url: string, body: object) => {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: answer.status, text: await answer.text() };
  };
  const run = async () => {
    await workspace.act({ as: 'UONCALL', do: 'command', channel: 'CINCIDENTS', command: '/latency' });
    return urls.at(-1) ?? '';
  };
  const history = async () =>
    (await workspace.client('xoxp-sandbox-oncall').conversations.history({ channel: 'CINCIDENTS' })).messages;
  return { ...workspace, bot, urls, use, run, history };
}

test('works five times', async () => {
  const { use, run } = await withResponseUrl();
  const url = await run();
  for (let round = 0; round < 5; round += 1)
    expect(await use(url, { text: `${round}` })).toEqual({ status: 200, text: 'ok' });
  expect(await use(url, { text: 'six' })).toMatchObject({
    status: 404,
    text: expect.stringContaining('used_url'),
  });
});

test('works for thirty minutes', async () => {
  let now = 1_795_426_680_000;
  const { use, run } = await withResponseUrl(() => now);
  const url = await run();
  now += 30 * 60_000;
  expect(await use(url, { text: 'in time' })).toMatchObject({ status: 200 });
  now += 1;
  expect(await use(url, { text: 'late' })).toMatchObject({
    status: 404,
    text: expect.stringContaining('expired_url'),
  });
});

test('is as strict as a post, and a refused use does not count', async () => {
  const { use, run } = await withResponseUrl();
  const url = await run();
  for (let round = 0; round < 6; round += 1) {
    expect(await use(url, { text: 'x', blocks: [{ type: 'alert' }] })).toMatchObject({
      status: 400,
      text: expect.stringContaining('invalid_blocks'),
    });
  }
  expect(await use(url, { text: 'x' })).toMatchObject({ status: 200 });
});

test('is private by default, and public on request, also in a thread', async () => {
  const { use, run, history, bot } = await withResponseUrl();
  const { ts } = await bot.client.chat.postMessage({ channel: 'CINCIDENTS', text: 'parent' });
  const url = await run();
  await use(url, { text: 'private' });
  expect(await history()).toMatchObject([{ text: 'parent' }]);
  await use(url, { text: 'public', response_type: 'in_channel' });
  await use(url, { text: 'in thread', response_type: 'in_channel', thread_ts: ts });
  expect(await history()).toMatchObject([{ text: 'public' }, { text: 'parent', reply_count: 1 }]);
});

test('replaces and deletes the message that was clicked', async () => {
  const { use, urls, act, history, bot } = await withResponseUrl();
  const { ts } = await bot.client.chat.postMessage({
    channel: 'CINCIDENTS',
    text: 'card',
    blocks: [buttonBlock('go')],
  });
  await act({ as: 'UONCALL', do: 'click', channel: 'CINCIDENTS', ts, action_id: 'go' });
  const [url = ''] = urls;
  await use(url, { text: 'done', replace_original: true });
  expect(await history()).toMatchObject([{ ts, text: 'done' }]);
  await use(url, { delete_original: true });
  expect(await history()).toEqual([]);
  expect(await use(url, { text: 'x', replace_original: true })).toMatchObject({ status: 404 });
});
