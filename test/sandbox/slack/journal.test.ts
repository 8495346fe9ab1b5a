import { spawn } from 'node:child_process';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { openJournal } from '../../../sandbox/slack/journal.ts';
import { buttonBlock, openWorkspace, reasonModal, startBot, temporaryFolder } from './workspace.ts';

test('gives back what was set, in order, without what was deleted', async () => {
  const path = join(await temporaryFolder(), 'deep', 'slack.jsonl');
  const first = openJournal(path);
  const table = first.table<{ n: number }>('t');
  for (const n of [1, 2, 3]) table.set(`k${n}`, { n });
  table.delete('k2');
  table.set('k1', { n: 9 });
  first.close();
  expect(openJournal(path).table('t').entries()).toEqual([
    ['k1', { n: 9 }],
    ['k3', { n: 3 }],
  ]);
});

test('forgets the torn end of a file, and says where another line is damaged', async () => {
  const path = join(await temporaryFolder(), 'slack.jsonl');
  openJournal(path).table<string>('t').set('a', 'ä');
  appendFileSync(path, Buffer.from('{"t":"t","k":"b","v":"ä').subarray(0, -1));
  expect(openJournal(path).table('t').entries()).toEqual([['a', 'ä']]);
  writeFileSync(path, 'nonsense\n{"t":"t","k":"b","v":1}\n');
  expect(() => openJournal(path)).toThrow(/line 1 of .* is damaged/);
});

test('compacts while it runs, and loses nothing', async () => {
  const path = join(await temporaryFolder(), 'slack.jsonl');
  const journal = openJournal(path, 2000);
  const table = journal.table<number>('t');
  for (let n = 0; n < 1000; n += 1) table.set(`k${n % 7}`, n);
  expect(readFileSync(path).length).toBeLessThan(4000);
  journal.close();
  expect(openJournal(path).table('t').values()).toEqual(table.values());
  expect(() => table.set('k', 1)).toThrow(/closed/);
});

test('has every answered write on disk when the process is killed', async () => {
  const path = join(await temporaryFolder(), 'slack.jsonl');
  const module = new URL('../../../sandbox/slack/journal.ts', import.meta.url).href;
  const script = `
    const { openJournal } = await import(${JSON.stringify(module)});
    const table = openJournal(${JSON.stringify(path)}).table('t');
    for (let n = 1; ; n += 1) { table.set('n', n); if (n % 100 === 0) { console.log(n); await new Promise(setImmediate); } }`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  let answered = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    answered = Math.max(answered, Number(line));
    if (answered >= 500) child.kill('SIGKILL');
  }
  await ended;
  expect(openJournal(path).table<number>('t').get('n')).toBeGreaterThanOrEqual(answered);
});

test('a workspace comes back with its messages, private messages, modals and Home tab', async () => {
  const before = await openWorkspace();
  await startBot(before.address, (app) => {
    app.command('/latency', async ({ ack }) => ack({ text: 'private', blocks: [buttonBlock('again')] }));
    app.shortcut('open', async ({ ack, shortcut, client }) => {
      await ack();
      await client.views.open({ trigger_id: shortcut.trigger_id, view: reasonModal() });
    });
    app.event('app_home_opened', async ({ event, client }) => {
      await client.views.publish({
        user_id: event.user,
        view: { type: 'home', blocks: [{ type: 'divider' }] },
      });
    });
  });
  const metadata = { event_type: 'incident', event_payload: { id: 'INC-1' } };
  const { ts } = await before.client().chat.postMessage({ channel: 'CINCIDENTS', text: 'card', metadata });
  await before.client().chat.postMessage({ channel: 'CINCIDENTS', text: 'reply', thread_ts: ts ?? '' });
  const said = await before.act({ as: 'UONCALL', do: 'command', channel: 'CINCIDENTS', command: '/latency' });
  const home = await before.act({ as: 'UONCALL', do: 'home' });
  const modal = await before.act({ as: 'UAPPROVER', do: 'shortcut', callback_id: 'open' });
  await before.close();

  const after = await openWorkspace({ stateDir: before.stateDir });
  const history = await after
    .client()
    .conversations.history({ channel: 'CINCIDENTS', include_all_metadata: true });
  expect(history.messages).toMatchObject([{ ts, text: 'card', reply_count: 1, metadata }]);
  const next = await after.client().chat.postMessage({ channel: 'CINCIDENTS', text: 'later' });
  expect(String(next.ts) > String(ts)).toBe(true);
  expect((await after.act({ as: 'UONCALL', do: 'home' })).view?.id).toBe(home.view?.id);
  // The modal and the button of the private message are still there: it is the app that is not.
  const submit = { as: 'UAPPROVER', do: 'submit', view_id: modal.view?.id, values: { text: 'reason' } };
  expect(await after.act(submit)).toMatchObject({ error: 'dispatch_failed' });
  const click = {
    as: 'UONCALL',
    do: 'click',
    channel: 'CINCIDENTS',
    ts: said.ephemeral?.ts,
    action_id: 'again',
  };
  expect(await after.act(click)).toMatchObject({ error: 'dispatch_failed' });
});
