import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { identify } from '../../src/handlers/connect-slack.ts';
import { createSockets } from '../../src/handlers/sockets.ts';
import { createSlackClient } from '../../src/publisher/slack-client.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { openHandlersScene } from '../helpers/handlers-scene.ts';
import { APP_TOKEN } from '../helpers/slack-workspace.ts';

test('two connections; after a refresh or a cut of both, commands work again at once', async () => {
  const { slack, connect } = await openHandlersScene();
  const lines: string[] = [];
  const log = createLog({ level: 'info', write: (line) => void lines.push(line) });
  const connection = await connect({}, { log });
  const ups = () => lines.filter((line) => line.includes('connected to Slack')).length;
  await vi.waitFor(() => expect(ups()).toBe(2));
  expect(connection.connected()).toBe(true);
  for (const failure of [{ refreshSockets: true }, { dropSockets: true }]) {
    const before = ups();
    const begin = performance.now();
    slack.sandbox.failures.set(failure);
    await vi.waitFor(() => expect(ups()).toBe(before + 2), 3_000);
    // The client's own reconnect would wait 5 s.
    expect(performance.now() - begin).toBeLessThan(2_500);
    expect(await slack.command('UONCALL', 'help')).toMatchObject({ ok: true });
  }
});

test('a refresh while the connections are still being made is survived', async () => {
  const { slack, connect } = await openHandlersScene();
  await connect();
  // At this moment only the first one is sure to be up.
  slack.sandbox.failures.set({ refreshSockets: true });
  await vi.waitFor(
    async () => expect(await slack.command('UONCALL', 'help')).toMatchObject({ ok: true }),
    3_000,
  );
});

test('a start during an outage waits for its end, then everything works', async () => {
  const { slack, connect } = await openHandlersScene();
  slack.sandbox.failures.set({ outage: true });
  const connecting = connect();
  await vi.waitFor(() => expect(slack.sandbox.calls().length).toBeGreaterThan(1), 5_000);
  slack.sandbox.failures.clear();
  const connection = await connecting;
  expect(connection.connected()).toBe(true);
  expect(await slack.command('UONCALL', 'status')).toMatchObject({ ok: true });
});

test('an outage later on: not connected, then connected again', async () => {
  const { slack, connect } = await openHandlersScene();
  const connection = await connect();
  slack.sandbox.failures.set({ outage: true });
  await vi.waitFor(() => expect(connection.connected()).toBe(false), 3_000);
  slack.sandbox.failures.clear();
  await vi.waitFor(() => expect(connection.connected()).toBe(true), 8_000);
  expect(await slack.command('UONCALL', 'status')).toMatchObject({ ok: true });
});

test('stopping during an outage is quick', async () => {
  const { slack, connect } = await openHandlersScene();
  const connection = await connect();
  slack.sandbox.failures.set({ outage: true });
  await vi.waitFor(() => expect(connection.connected()).toBe(false), 3_000);
  const begin = performance.now();
  await connection.stop();
  expect(performance.now() - begin).toBeLessThan(1_500);
});

test('a token that Slack refuses is an error for people, without the token', async () => {
  const { slack, deps } = await openHandlersScene();
  const client = createSlackClient('xoxb-wrong-hunter2', slack.apiUrl);
  const refused = identify(client, deps.log, new AbortController().signal);
  await expect(refused).rejects.toMatchObject({ code: 'slack-refused' });
  await expect(refused).rejects.toThrow(/invalid_auth.*SLACK_BOT_TOKEN/);
  await expect(refused).rejects.not.toThrow(/hunter2/);
});

test('an error of Slack that passes is waited for, also when it comes as an answer', async () => {
  const { slack, deps } = await openHandlersScene();
  slack.sandbox.failures.set({ errors: { 'auth.test': 'internal_error' }, times: 1 });
  const identity = await identify(slack.client(), deps.log, new AbortController().signal);
  expect(identity.teamId).not.toBe('');
  const calls = slack.sandbox.calls().filter((call) => call.method === 'auth.test');
  expect(calls.length).toBe(2);
});

test('an app-level token that Slack refuses is an error for people, without the token', async () => {
  const { connect } = await openHandlersScene();
  const refused = connect({ appToken: 'xapp-wrong-hunter2' });
  await expect(refused).rejects.toMatchObject({ code: 'slack-refused' });
  await expect(refused).rejects.toThrow(/app-level token \(invalid_auth\).*SLACK_APP_TOKEN/);
  await expect(refused).rejects.not.toThrow(/hunter2/);
});

test('waiting for the first connection can be given up, with the reason of the signal', async () => {
  const { slack, deps } = await openHandlersScene();
  const stop = new AbortController();
  const sockets = createSockets(APP_TOKEN, slack.apiUrl, deps.log);
  slack.sandbox.failures.set({ outage: true });
  const starting = sockets.start(stop.signal);
  await vi.waitFor(() => expect(slack.sandbox.calls().length).toBeGreaterThan(0), 3_000);
  const reason = new Error('told to stop');
  stop.abort(reason);
  await expect(starting).rejects.toBe(reason);
  await expect(sockets.start(stop.signal)).rejects.toBe(reason);
});

test('waiting for Slack can be given up', async () => {
  const { slack, deps } = await openHandlersScene();
  slack.sandbox.failures.set({ outage: true });
  const stop = new AbortController();
  const asking = identify(slack.client(), deps.log, stop.signal);
  await vi.waitFor(() => expect(slack.sandbox.calls().length).toBeGreaterThan(0));
  stop.abort();
  await expect(asking).rejects.toThrow();
});

test('over HTTP: the signature over the raw body, and its age, decide', async () => {
  const { connect } = await openHandlersScene();
  const secret = '8f742231b10e8888abcd99yyyzzz85a5';
  const { http } = await connect({ mode: 'http', signingSecret: secret });
  const server = createServer((request, response) => void http?.requestListener(request, response));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => new Promise<void>((done) => server.close(() => done())));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/slack/events`;

  const now = Math.floor(Date.now() / 1_000);
  const body = new URLSearchParams({
    command: '/latency',
    text: 'help',
    user_id: 'UONCALL',
    team_id: 'TSANDBOX',
    channel_id: 'CINCIDENTS',
    response_url: 'http://127.0.0.1:1/',
    trigger_id: '1',
  }).toString();
  const send = async (changes: { timestamp?: string; body?: string; signature?: string } = {}) => {
    const timestamp = changes.timestamp ?? String(now);
    const signature = `v0=${createHmac('sha256', secret).update(`v0:${timestamp}:${body}`).digest('hex')}`;
    const response = await fetch(url, {
      method: 'POST',
      body: changes.body ?? body,
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'x-slack-request-timestamp': timestamp,
        'x-slack-signature': changes.signature ?? signature,
      },
    });
    return { status: response.status, text: await response.text() };
  };
  const right = await send();
  expect(right.status).toBe(200);
  expect(right.text).toContain('finds out why the API is slow');
  const wrong = [
    { signature: `v0=${'0'.repeat(64)}` },
    { signature: '' },
    { signature: 'v0=short' },
    { body: body.replace('help', 'hele') },
    { timestamp: String(now - 600) },
    { timestamp: 'yesterday' },
    { timestamp: '' },
  ];
  for (const change of wrong) {
    const { status, text } = await send(change);
    expect({ change, refused: status >= 400 && status < 600, leaked: text.includes('finds out') }).toEqual({
      change,
      refused: true,
      leaked: false,
    });
  }
});
