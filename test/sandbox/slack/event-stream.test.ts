import { expect, onTestFinished, test } from 'vitest';
import { buttonBlock, eventually, openWorkspace, reasonModal, startBot } from './workspace.ts';

/** What a page of this person has been told so far. */
async function openPage(address: string, as: string): Promise<Record<string, unknown>[]> {
  const ended = new AbortController();
  onTestFinished(() => ended.abort());
  const answer = await fetch(`${address}/sandbox/events?as=${as}`, { signal: ended.signal });
  expect(answer.headers.get('content-type')).toBe('text/event-stream');
  const told: Record<string, unknown>[] = [];
  const reading = (async () => {
    let rest = '';
    for await (const chunk of answer.body ?? []) {
      const events = (rest + Buffer.from(chunk).toString()).split('\n\n');
      rest = events.pop() ?? '';
      for (const one of events) if (one.startsWith('data: ')) told.push(JSON.parse(one.slice(6)));
    }
  })();
  reading.catch((error: unknown) => {
    if (!ended.signal.aborted && !String(error).includes('terminated')) throw error;
  });
  await eventually(() => expect(told).not.toHaveLength(0));
  return told;
}

test('begins with everything that is there', async () => {
  const { address, client } = await openWorkspace();
  const metadata = { event_type: 'incident', event_payload: { id: 'INC-1' } };
  await client().chat.postMessage({ channel: 'CINCIDENTS', text: 'card', metadata });
  await client().chat.postEphemeral({ channel: 'CINCIDENTS', user: 'UONCALL', text: 'for you' });
  const [snapshot] = await openPage(address, 'UONCALL');
  expect(snapshot).toMatchObject({
    type: 'snapshot',
    workspace: {
      team: { id: 'TSANDBOX', name: 'DebtFlow' },
      me: 'UONCALL',
      channels: [
        { id: 'CINCIDENTS', name: 'incidents' },
        { id: 'CDEBTFLOW', name: 'debtflow-api' },
      ],
      messages: [{ channel: 'CINCIDENTS', text: 'card' }],
      ephemerals: [{ text: 'for you' }],
      home: null,
      modals: [],
      commands: [{ command: '/latency' }],
      shortcuts: [{ callback_id: 'attach' }, { callback_id: 'open' }],
    },
  });
  expect(JSON.stringify(snapshot)).not.toContain('INC-1');
});

test('tells of messages, threads and reactions to all, and of private messages to one', async () => {
  const { address, client } = await openWorkspace();
  const mine = await openPage(address, 'UONCALL');
  const theirs = await openPage(address, 'UOBSERVER');
  const { ts = '' } = await client().chat.postMessage({ channel: 'CINCIDENTS', text: 'card' });
  await client().chat.update({ channel: 'CINCIDENTS', ts, text: 'card 2' });
  await client().chat.postMessage({ channel: 'CINCIDENTS', text: 'reply', thread_ts: ts });
  await client().reactions.add({ channel: 'CINCIDENTS', timestamp: ts, name: 'eyes' });
  await client().chat.postEphemeral({ channel: 'CINCIDENTS', user: 'UONCALL', text: 'for you' });
  const { ts: gone = '' } = await client().chat.postMessage({ channel: 'CINCIDENTS', text: 'gone' });
  await client().chat.delete({ channel: 'CINCIDENTS', ts: gone });
  const seen = (page: Record<string, unknown>[]) => page.slice(1).map((one) => one.type);
  const all = ['message', 'message', 'message', 'message', 'message', 'message', 'message_deleted'];
  await eventually(() => expect(seen(theirs)).toEqual(all));
  await eventually(() => expect(seen(mine)).toEqual([...all.slice(0, 5), 'ephemeral', ...all.slice(5)]));
  expect(mine[4]).toMatchObject({ message: { ts, reply_count: 1, edited: {} } });
  expect(mine[5]).toMatchObject({ message: { ts, reactions: [{ name: 'eyes', users: ['ULATENCYBOT'] }] } });
  expect(mine.at(-1)).toEqual({ type: 'message_deleted', channel: 'CINCIDENTS', ts: gone });
});

test('tells of modals and the Home tab', async () => {
  const { address, act, client } = await openWorkspace();
  const bot = await startBot(address, (app) => {
    app.action('go', async ({ ack, body, client: web }) => {
      await ack();
      if (body.type === 'block_actions')
        await web.views.open({ trigger_id: body.trigger_id, view: reasonModal() });
    });
  });
  const page = await openPage(address, 'UAPPROVER');
  const { ts } = await bot.client.chat.postMessage({
    channel: 'CINCIDENTS',
    text: 'card',
    blocks: [buttonBlock('go')],
  });
  const { view } = await act({ as: 'UAPPROVER', do: 'click', channel: 'CINCIDENTS', ts, action_id: 'go' });
  await act({ as: 'UAPPROVER', do: 'close', view_id: view?.id });
  await client().views.publish({
    user_id: 'UAPPROVER',
    view: { type: 'home', blocks: [{ type: 'divider' }] },
  });
  await eventually(() => expect(page).toHaveLength(5));
  expect(page.slice(2)).toMatchObject([
    { type: 'modals', modals: [{ id: view?.id }] },
    { type: 'modals', modals: [] },
    { type: 'home', view: { type: 'home' } },
  ]);
});

test('needs to know whose page it is', async () => {
  const { address } = await openWorkspace();
  expect((await fetch(`${address}/sandbox/events`)).status).toBe(400);
});
