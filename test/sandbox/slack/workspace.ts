import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, LogLevel, SocketModeReceiver } from '@slack/bolt';
import { WebAPIPlatformError, WebClient, LogLevel as WebLogLevel } from '@slack/web-api';
import Fastify from 'fastify';
import { expect, onTestFinished, vi } from 'vitest';
import { z } from 'zod';
import { createSlackSandbox, type SlackSandboxOptions } from '../../../sandbox/slack/slack.ts';

/** Everything the tests do, and no channel to join. */
const MANIFEST = {
  scopes: [
    'app_mentions:read',
    'commands',
    'chat:write',
    'channels:history',
    'channels:read',
    'users:read',
    'usergroups:read',
    'files:write',
    'pins:write',
    'reactions:write',
    'canvases:write',
  ],
  events: ['app_mention', 'app_home_opened'],
  homeTab: true,
  messagesTab: true,
  shortcuts: [
    { name: 'Attach', type: 'message' as const, callback_id: 'attach' },
    { name: 'Open', type: 'global' as const, callback_id: 'open' },
  ],
};

/** A busy machine may be slow to show something; tests in which nothing is shown use `NOTHING_COMES`. */
const PATIENT = { settleMs: 8000, showMs: 10_000 };
export const NOTHING_COMES = { settleMs: 20 };

/** Waits for a condition, also on a busy machine. */
export function eventually(condition: () => unknown): Promise<unknown> {
  return vi.waitFor(condition, { timeout: 10_000, interval: 10 });
}

const Outcome = z.looseObject({
  ok: z.boolean(),
  error: z.string().optional(),
  shown: z.string().optional(),
  errors: z.record(z.string(), z.string()).optional(),
  ephemeral: z.looseObject({ ts: z.string(), text: z.string() }).nullish(),
  message: z.looseObject({ ts: z.string(), text: z.string() }).nullish(),
  view: z.looseObject({ id: z.string(), state: z.looseObject({ values: z.unknown() }) }).nullish(),
});

/** A folder that is gone when the test is over. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'slack-sandbox-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A workspace on a free port, closed when the test is over. */
export async function openWorkspace(options: Partial<SlackSandboxOptions> = {}) {
  const stateDir = options.stateDir ?? (await temporaryFolder());
  const manifest = { ...MANIFEST, ...options.manifest };
  const timings = { ...PATIENT, ...options.timings };
  const sandbox = await createSlackSandbox({ ...options, stateDir, manifest, timings });
  // Browsers and fetch open connections they may never use; nothing here is worth waiting for.
  const app = Fastify({ forceCloseConnections: true });
  await sandbox.register(app);
  const address = await app.listen({ port: 0, host: '127.0.0.1' });
  const close = async () => {
    await app.close();
    await sandbox.close();
  };
  onTestFinished(close);
  return {
    sandbox,
    address,
    stateDir,
    close,
    client: (token = 'xoxb-sandbox-bot') => webClient(address, token),
    act: async (body: Record<string, unknown>) =>
      Outcome.parse(await (await send(address, '/sandbox/act', body)).json()),
    send: (path: string, body: unknown, method = 'POST') => send(address, path, body, method),
  };
}

function send(address: string, path: string, body: unknown, method = 'POST'): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return fetch(`${address}${path}`, { method, headers, body: JSON.stringify(body) });
}

function clientOptions(address: string) {
  return { slackApiUrl: `${address}/api/`, retryConfig: { retries: 0 }, rejectRateLimitedCalls: true };
}

function webClient(address: string, token: string): WebClient {
  return new WebClient(token, { ...clientOptions(address), logLevel: WebLogLevel.ERROR });
}

/** A real Bolt app, connected over Socket Mode, disconnected when the test is over. */
export async function startBot(address: string, listen: (app: App) => void): Promise<App> {
  // How long the client waits before it reconnects, among others: five seconds by default.
  const clientPingTimeout = 300;
  const options = {
    logLevel: LogLevel.ERROR,
    clientPingTimeout,
    installerOptions: { clientOptions: clientOptions(address) },
  };
  const receiver = new SocketModeReceiver({ appToken: 'xapp-sandbox', ...options });
  const app = new App({
    receiver,
    token: 'xoxb-sandbox-bot',
    clientOptions: clientOptions(address),
    deferInitialization: true,
    logLevel: LogLevel.ERROR,
  });
  await app.init();
  listen(app);
  await app.start();
  onTestFinished(() => receiver.client.disconnect());
  return app;
}

/** A button in an `actions` block. */
export function buttonBlock(actionId: string, value = 'v1') {
  const element = { type: 'button', action_id: actionId, text: { type: 'plain_text', text: 'Press' }, value };
  return { type: 'actions', block_id: `block-${actionId}`, elements: [element] };
}

/** A modal with one field. */
export function reasonModal(callbackId = 'reason') {
  return {
    type: 'modal' as const,
    callback_id: callbackId,
    title: { type: 'plain_text' as const, text: 'Why?' },
    submit: { type: 'plain_text' as const, text: 'Send' },
    blocks: [
      {
        type: 'input' as const,
        block_id: 'reason',
        label: { type: 'plain_text' as const, text: 'Reason' },
        element: { type: 'plain_text_input' as const, action_id: 'text', min_length: 3, max_length: 10 },
      },
    ],
  };
}

export const CHANNEL = 'CINCIDENTS';

/** What Slack said to a call that it refused. */
export async function refusal(call: Promise<unknown>): Promise<Record<string, unknown>> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(WebAPIPlatformError);
  return error instanceof WebAPIPlatformError ? { ...error.data } : {};
}

export async function postTo(
  client: WebClient,
  args: { thread_ts?: string; channel?: string; text?: string } = {},
): Promise<string> {
  const { ts } = await client.chat.postMessage({ channel: CHANNEL, text: 'hello', ...args });
  return ts ?? '';
}
