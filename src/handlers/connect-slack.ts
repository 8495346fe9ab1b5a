import { setTimeout as sleep } from 'node:timers/promises';
import type { App } from '@slack/bolt';
import type { WebClient } from '@slack/web-api';
import type { Logger } from 'pino';
import type { Config } from '../config/schema.ts';
import { BotError } from '../errors.ts';
import type { IncidentDeps } from '../incidents/deps.ts';
import { refusalOfToken } from '../publisher/refused-token.ts';
import { createHttpReceiver, createSlackApp } from './slack-app.ts';
import { createSockets } from './sockets.ts';

const MAX_BACKOFF_MS = 15_000;

export interface SlackIdentity {
  botId: string;
  botUserId: string;
  teamId: string;
}

export interface SlackConnection {
  /** The Bolt receiver's listener, in HTTP mode. */
  http: ReturnType<typeof createHttpReceiver> | null;
  connected(): boolean;
  stop(): Promise<void>;
}

/**
 * Asks Slack who the bot is. An outage is waited for; a token that Slack refuses is an error that somebody has to
 * mend.
 */
export async function identify(slack: WebClient, log: Logger, signal: AbortSignal): Promise<SlackIdentity> {
  for (let failures = 0; ; failures++) {
    try {
      const answer = await slack.auth.test();
      return { botId: answer.bot_id ?? '', botUserId: answer.user_id ?? '', teamId: answer.team_id ?? '' };
    } catch (cause) {
      const refusal = refusalOfToken(cause);
      if (refusal) {
        throw new BotError(
          'slack-refused',
          `Slack refuses the bot token (${refusal}); check SLACK_BOT_TOKEN`,
          {
            cause,
          },
        );
      }
      log.warn({ err: cause, failures }, 'asking Slack who we are');
      await sleep(Math.min(500 * 2 ** failures, MAX_BACKOFF_MS), undefined, { signal });
    }
  }
}

/**
 * Connects the listeners: over Socket Mode, or over HTTP where the caller mounts the returned receiver. The signal ends
 * waiting for the first connection.
 */
export async function connectSlack(
  config: Config['slack'],
  identity: SlackIdentity,
  deps: IncidentDeps,
  signal?: AbortSignal,
): Promise<SlackConnection> {
  const { botToken, appToken, signingSecret, apiUrl } = config;
  if (!botToken) throw new BotError('slack-refused', 'no Slack bot token is configured; set SLACK_BOT_TOKEN');
  const make = (receiver: Parameters<typeof createSlackApp>[0]['receiver']): App =>
    createSlackApp({ botToken, apiUrl, receiver, log: deps.log, ...identity }, deps);

  if (config.mode === 'http') {
    if (!signingSecret) {
      throw new BotError('slack-refused', 'HTTP mode needs the signing secret; set SLACK_SIGNING_SECRET');
    }
    const http = createHttpReceiver(signingSecret, deps.log);
    make(http);
    return { http, connected: () => true, stop: async () => undefined };
  }
  if (!appToken)
    throw new BotError('slack-refused', 'Socket Mode needs an app-level token; set SLACK_APP_TOKEN');
  const sockets = createSockets(appToken, apiUrl, deps.log);
  make(sockets);
  await sockets.start(signal);
  return {
    http: null,
    connected: () => sockets.connected() > 0,
    stop: async () => void (await sockets.stop()),
  };
}
