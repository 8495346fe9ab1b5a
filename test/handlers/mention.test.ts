import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { aroundMention } from '../../src/handlers/mention.ts';
import { wordsOf } from '../helpers/block-text.ts';
import { openHandlersScene } from '../helpers/handlers-scene.ts';
import { openWithCard, untilSaid } from '../helpers/in-thread.ts';
import { privateMessages } from '../helpers/private-messages.ts';

async function openScene() {
  const scene = await openHandlersScene();
  await scene.connect();
  const untilTold = (words: RegExp, as: 'UONCALL' | 'UOBSERVER' = 'UONCALL') =>
    vi.waitFor(
      async () => {
        const told = await privateMessages(scene.slack.url, as);
        const found = told.findLast(({ text }) => words.test(text));
        if (!found) throw new Error(`no ${words} among ${JSON.stringify(told.map(({ text }) => text))}`);
        return found;
      },
      { timeout: 10_000, interval: 50 },
    );
  return { ...scene, untilTold };
}

test('a mention alone opens an incident; the answer stands in its thread', async () => {
  const scene = await openScene();
  const said = await scene.slack.say('UONCALL', '@Latency Bot');
  await untilSaid(
    scene,
    said.message?.ts ?? '',
    /^INC-1 is open: looking where the time of DebtFlow API goes/,
  );
  await vi.waitFor(() => expect(scene.rung).toHaveLength(1));
  const { rows } = await scene.deps.db.query('select source, title, actor from alerts');
  expect(rows).toEqual([{ source: 'mention', title: 'a mention of the bot', actor: 'UONCALL' }]);
});

test('in the thread of an incident that incident is meant, in a channel of no service too', async () => {
  const scene = await openScene();
  const card = await openWithCard(scene);
  await scene.slack.command('UONCALL', 'billing');
  await scene.slack.say('UONCALL', 'look: @Latency Bot note workers restarted', card.ts);
  await scene.untilTold(/^Added to the timeline of INC-1\./);
  await scene.slack.say('UONCALL', '@Latency Bot, severity P1 nobody can pay', card.ts);
  await untilSaid(scene, card.ts, /^INC-1 is P1 now\./);
  await scene.slack.say('UONCALL', '@Latency Bot probe lock-tree', card.ts);
  await untilSaid(scene, card.ts, /^Run \d+ looks: Lock waits and who causes them/);
  const { rows } = await scene.deps.db.query(`select service from runs where kind = 'probe'`);
  expect(rows).toEqual([{ service: 'api' }]);
});

test('what concerns one person is told to them alone, in the thread where there is one', async () => {
  const scene = await openScene();
  const card = await openWithCard(scene);
  await scene.slack.say('UOBSERVER', '@Latency Bot assign me', card.ts);
  const told = await scene.untilTold(/^You may not/, 'UOBSERVER');
  expect(told.thread_ts).toBe(card.ts);
  await scene.slack.say('UONCALL', '@Latency Bot frobnicate');
  expect((await scene.untilTold(/^There is no service or command `frobnicate`/)).thread_ts).toBeUndefined();
  // There is no dialog without a click: it tells how to write it.
  await scene.slack.say('UONCALL', '@Latency Bot note', card.ts);
  await scene.untilTold(/^What should the timeline say\? `\/latency note/);
});

test('thanks are no question', async () => {
  const scene = await openScene();
  await scene.slack.say('UONCALL', 'thanks, @Latency Bot');
  await scene.untilTold(/^Put what you want after my name\./);
  expect((await scene.deps.db.query('select from incidents')).rowCount).toBe(0);
});

test('a report that nobody keeps comes into the thread of the question, with its blocks', async () => {
  const scene = await openScene();
  const said = await scene.slack.say('UONCALL', '@Latency Bot probe lock-tree billing');
  await scene.untilTold(/^Looking at Billing/);
  const report = await untilSaid(scene, said.message?.ts ?? '', /Did not look/);
  expect(wordsOf(report.blocks ?? [])).toContain('not configured for this service: PostgreSQL');
});

test('an event that Slack delivers again does nothing again; an edit, a bot and the bot itself do nothing', async () => {
  const { connect, deps } = await openHandlersScene();
  const secret = '8f742231b10e8888abcd99yyyzzz85a5';
  const start = async () => {
    const { http } = await connect({ mode: 'http', signingSecret: secret });
    const server = createServer((request, response) => void http?.requestListener(request, response));
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    onTestFinished(() => new Promise<void>((done) => server.close(() => done())));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/slack/events`;
  };
  let url = await start();
  const deliver = async (id: string, event: Record<string, unknown>, retry?: number) => {
    const body = JSON.stringify({
      type: 'event_callback',
      team_id: 'TSANDBOX',
      event_id: id,
      event: {
        type: 'app_mention',
        channel: 'CINCIDENTS',
        user: 'UONCALL',
        ts: '1700000000.000100',
        ...event,
      },
    });
    const timestamp = String(Math.floor(Date.now() / 1_000));
    const response = await fetch(url, {
      method: 'POST',
      body,
      headers: {
        'content-type': 'application/json',
        'x-slack-request-timestamp': timestamp,
        'x-slack-signature': `v0=${createHmac('sha256', secret).update(`v0:${timestamp}:${body}`).digest('hex')}`,
        ...(retry ? { 'x-slack-retry-num': String(retry), 'x-slack-retry-reason': 'http_timeout' } : {}),
      },
    });
    expect(response.status).toBe(200);
  };
  const note = (text: string) => ({ text: `<@ULATENCYBOT> note ${text}` });
  await deliver('Ev0', { text: '<@ULATENCYBOT> api' });
  const notes = async () =>
    (
      await deps.db.query<{ text: string }>(
        `select data ->> 'text' as text from timeline where kind = 'note' order by id`,
      )
    ).rows.map(({ text }) => text);
  await vi.waitFor(async () => expect((await deps.db.query('select from incidents')).rowCount).toBe(1));
  await deliver('Ev1', note('once'));
  await deliver('Ev1', note('once'), 1);
  await vi.waitFor(async () => expect(await notes()).toEqual(['once']));
  url = await start();
  await deliver('Ev1', note('once'), 2);
  await deliver('Ev2', { ...note('edited'), edited: { user: 'UONCALL', ts: '1700000001.000100' } });
  await deliver('Ev3', { ...note('of a bot'), bot_id: 'BOTHER' });
  await deliver('Ev4', { ...note('of itself'), user: 'ULATENCYBOT' });
  await deliver('Ev5', note('last'));
  await vi.waitFor(async () => expect((await notes()).toSorted()).toEqual(['last', 'once']), 10_000);
});

test('what breaks is told to the one who asked, in words', async () => {
  const { slack, connect, deps } = await openHandlersScene();
  const query = async () => {
    throw new Error('relation "incidents" of postgres://u:hunter2@h does not exist');
  };
  await connect({}, { db: { ...deps.db, query } as typeof deps.db });
  await slack.say('UONCALL', '@Latency Bot status');
  await vi.waitFor(async () => {
    const told = await privateMessages(slack.url, 'UONCALL');
    expect(told.map(({ text }) => text)).toEqual([
      expect.stringMatching(/^That did not work: something unexpected went wrong/),
    ]);
  }, 10_000);
});

test.each([
  ['<@UBOT> probe lock-tree', '', 'probe lock-tree'],
  ['hey <@UBOT>: probe\nredis', 'hey', 'probe\nredis'],
  ['<@UBOT|latency-bot>, assign <@U1>', '', 'assign <@U1>'],
  ['thanks <@UBOT>', 'thanks', ''],
  ['nothing', 'nothing', ''],
])('around the mention in “%s”', (text, before, after) => {
  expect(aroundMention(text, 'UBOT')).toEqual({ before, after });
});
