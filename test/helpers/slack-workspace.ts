import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WebClient } from '@slack/web-api';
import fastify from 'fastify';
import {
  createSlackSandbox,
  type SlackSandbox,
  type SlackSandboxOptions,
} from '../../sandbox/slack/slack.ts';
import { createSlackClient } from '../../src/publisher/slack-client.ts';
import { type Workspace, workspaceAt } from '../e2e/helpers/workspace.ts';

export const BOT_TOKEN = 'xoxb-sandbox-bot';
export const APP_TOKEN = 'xapp-sandbox';

/** A stand-in workspace on a port of its own, with what people see and do in it. */
export interface TestSlack extends Workspace {
  url: string;
  apiUrl: string;
  sandbox: SlackSandbox;
  /** A client of the bot, as the product makes it. */
  client(timeoutMs?: number): WebClient;
  close(): Promise<void>;
}

export async function openTestSlack(options: Partial<SlackSandboxOptions> = {}): Promise<TestSlack> {
  const stateDir = await mkdtemp(join(tmpdir(), 'latency-bot-slack-'));
  const server = fastify({ forceCloseConnections: true });
  const sandbox = await createSlackSandbox({ stateDir, ...options });
  await sandbox.register(server);
  const url = await server.listen({ host: '127.0.0.1', port: 0 });
  const apiUrl = `${url}/api/`;
  return {
    ...workspaceAt(url),
    url,
    apiUrl,
    sandbox,
    client: (timeoutMs) => createSlackClient(BOT_TOKEN, apiUrl, timeoutMs),
    async close() {
      await sandbox.close();
      await server.close();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}
