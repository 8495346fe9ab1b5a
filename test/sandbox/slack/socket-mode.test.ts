import { expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { eventually, NOTHING_COMES, openWorkspace, reasonModal, startBot } from './workspace.ts';

const Envelope = z.looseObject({
  type: z.string(),
  envelope_id: z.string().optional(),
  reason: z.string().optional(),
  num_connections: z.number().optional(),
  retry_attempt: z.number().optional(),
  retry_reason: z.string().optional(),
  payload: z.looseObject({ trigger_id: z.string().optional() }).optional(),
});
type Envelope = z.infer<typeof Envelope>;

const COMMAND = { as: 'UONCALL', do: 'command', channel: 'CINCIDENTS', command: '/latency', text: '' };

async function addressOf(address: string): Promise<string> {
  const headers = { authorization: 'Bearer xapp-sandbox' };
  const answer = await fetch(`${address}/api/apps.connections.open`, { method: 'POST', headers });
  return z.object({ url: z.string() }).parse(await answer.json()).url;
}

/** A bare connection: what it received, and whether it ended. */
function connect(url: string, onEnvelope: (envelope: Envelope, socket: WebSocket) => void = () => undefined) {
  const socket = new WebSocket(url);
  const received: Envelope[] = [];
  let ended: number | 'refused' | undefined;
  socket.on('message', (data) => {
    const envelope = Envelope.parse(JSON.parse(String(data)));
    received.push(envelope);
    onEnvelope(envelope, socket);
  });
  socket.on('close', (code) => {
    ended ??= code;
  });
  socket.on('error', () => {
    ended = 'refused';
  });
  onTestFinished(() => socket.terminate());
  return { socket, received, ended: () => ended };
}

const acknowledge = (envelope: Envelope, socket: WebSocket) => {
  if (envelope.envelope_id) socket.send(JSON.stringify({ envelope_id: envelope.envelope_id }));
};

async function connected(address: string, onEnvelope?: (envelope: Envelope, socket: WebSocket) => void) {
  const connection = connect(await addressOf(address), onEnvelope);
  await eventually(() => expect(connection.received[0]?.type).toBe('hello'));
  return connection;
}

test('an address works once, and for 30 seconds', async () => {
  let now = 1_795_426_680_000;
  const { address } = await openWorkspace({ now: () => now });
  const url = await addressOf(address);
  expect(url).toMatch(/^ws:\/\/127\.0\.0\.1:\d+\/link\/\?ticket=/);
  const first = connect(url);
  await eventually(() =>
    expect(first.received[0]).toMatchObject({
      type: 'hello',
      num_connections: 1,
      connection_info: { app_id: 'ALATENCYBOT' },
    }),
  );
  const again = connect(url);
  await eventually(() => expect(again.ended()).toBe('refused'));
  const late = await addressOf(address);
  now += 30_001;
  const expired = connect(late);
  await eventually(() => expect(expired.ended()).toBe('refused'));
});

test('only the app token opens a connection', async () => {
  const { client } = await openWorkspace();
  await expect(client().apps.connections.open()).rejects.toMatchObject({
    data: { error: 'not_allowed_token_type' },
  });
});

test('every connection gets its share, and each payload goes to one of them', async () => {
  const { address, act } = await openWorkspace({ timings: NOTHING_COMES });
  const both = [await connected(address, acknowledge), await connected(address, acknowledge)];
  for (let round = 0; round < 4; round += 1) await act(COMMAND);
  expect(both.map((one) => one.received.filter(({ type }) => type === 'slash_commands').length)).toEqual([
    2, 2,
  ]);
});

test('the eleventh connection is turned away', async () => {
  const { address } = await openWorkspace();
  for (let index = 0; index < 10; index += 1) await connected(address);
  const eleventh = connect(await addressOf(address));
  await eventually(() =>
    expect(eleventh.received).toMatchObject([{ type: 'disconnect', reason: 'too_many_websockets' }]),
  );
});

test('without a connection a command fails at once, without an answer at the deadline', async () => {
  const { address, act } = await openWorkspace({ timings: { ackMs: 40 } });
  expect(await act(COMMAND)).toMatchObject({
    ok: false,
    error: 'dispatch_failed',
    shown: '/latency failed with the error "dispatch_failed"',
  });
  const silent = await connected(address);
  expect(await act(COMMAND)).toMatchObject({
    ok: false,
    error: 'operation_timeout',
    shown: '/latency failed because the app did not respond',
  });
  expect(silent.received.filter(({ type }) => type === 'slash_commands')).toHaveLength(1);
});

test('an event is repeated until it is acknowledged, with a count and a reason', async () => {
  const { address, act } = await openWorkspace({ timings: { ackMs: 200, eventRetryMs: [0, 10] } });
  const bot = await connected(address, (envelope, socket) => {
    if (envelope.retry_attempt === 2) acknowledge(envelope, socket);
  });
  await act({ as: 'UONCALL', do: 'message', channel: 'CINCIDENTS', text: 'hi @Latency Bot' });
  const attempts = () => bot.received.filter(({ type }) => type === 'events_api');
  await eventually(() => expect(attempts()).toHaveLength(3));
  expect(attempts().map((one) => one.retry_attempt)).toEqual([undefined, 1, 2]);
  expect(attempts()[2]).toMatchObject({
    retry_reason: 'timeout',
    payload: { event: { type: 'app_mention' } },
  });
  expect(new Set(attempts().map((one) => JSON.stringify(one.payload))).size).toBe(1);
});

test('events need their subscription and their scope', async () => {
  const { address, act } = await openWorkspace({
    manifest: { events: ['app_mention', 'message.channels'], scopes: ['channels:history'] },
  });
  const bot = await connected(address, acknowledge);
  await act({ as: 'UONCALL', do: 'message', channel: 'CINCIDENTS', text: 'hi @Latency Bot' });
  await eventually(() =>
    expect(bot.received.at(-1)).toMatchObject({
      payload: { event: { type: 'message', channel_type: 'channel' } },
    }),
  );
  expect(bot.received.filter(({ type }) => type === 'events_api')).toHaveLength(1);
});

test('a trigger lasts three seconds and opens one view', async () => {
  let now = 1_795_426_680_000;
  const { address, act, client } = await openWorkspace({ now: () => now, timings: NOTHING_COMES });
  const bot = await connected(address, acknowledge);
  await act(COMMAND);
  await act(COMMAND);
  const [first = '', second = ''] = bot.received.flatMap((one) => one.payload?.trigger_id ?? []);
  const open = (id: string) => client().views.open({ trigger_id: id, view: reasonModal() });
  now += 3000;
  await open(first);
  await expect(open(first)).rejects.toMatchObject({ data: { error: 'exchanged_trigger_id' } });
  now += 1;
  await expect(open(second)).rejects.toMatchObject({ data: { error: 'expired_trigger_id' } });
  await expect(open('1.2.3')).rejects.toMatchObject({ data: { error: 'invalid_trigger_id' } });
});

test('a view that changed is not overwritten by an older hash', async () => {
  const { address, act, client } = await openWorkspace();
  await startBot(address, (app) => {
    app.command('/latency', async ({ ack, command, client: web }) => {
      await ack();
      await web.views.open({ trigger_id: command.trigger_id, view: reasonModal() });
    });
  });
  const { view } = await act(COMMAND);
  const update = (hash: string) =>
    client().views.update({ view_id: view?.id ?? '', hash, view: reasonModal('next') });
  expect(await update(String(view?.hash))).toMatchObject({ view: { callback_id: 'next' } });
  await expect(update(String(view?.hash))).rejects.toMatchObject({ data: { error: 'hash_conflict' } });
  await expect(
    client().views.update({
      view_id: view?.id ?? '',
      view: { ...reasonModal(), title: { type: 'plain_text', text: 'x'.repeat(25) } },
    }),
  ).rejects.toMatchObject({
    data: {
      error: 'invalid_arguments',
      response_metadata: {
        messages: ['[ERROR] must be less than 25 characters [json-pointer:/view/title/text]'],
      },
    },
  });
});

test('a refresh asks every connection to come back', async () => {
  const { address, sandbox } = await openWorkspace();
  const bot = await connected(address);
  sandbox.failures.set({ refreshSockets: true });
  await eventually(() =>
    expect(bot.received.at(-1)).toMatchObject({ type: 'disconnect', reason: 'refresh_requested' }),
  );
});
