import { setTimeout as sleep } from 'node:timers/promises';
import { type App, type Receiver, SocketModeReceiver } from '@slack/bolt';
import type { Logger } from 'pino';
import { BotError } from '../errors.ts';
import { refusalOfToken } from '../publisher/refused-token.ts';
import { slackClientOptions } from '../publisher/slack-client.ts';
import { boltLogger } from './bolt-logger.ts';

/** Two connections, so that Slack's regular refresh of one leaves no gap. */
const CONNECTIONS = 2;
const MAX_BACKOFF_MS = 15_000;

export interface Sockets extends Receiver {
  /** How many connections are up. */
  connected(): number;
  /**
   * Resolves once the first connection is up; an outage at start is waited for, until the signal ends that. Rejects
   * when Slack refuses the token.
   */
  start(signal?: AbortSignal): Promise<void>;
}

/** Who waits for the first connection. */
interface First {
  up(): void;
  refused(word: string, cause: unknown): void;
}

/**
 * Socket Mode over several connections that this keeps up itself: the client's own reconnect waits 5 s each time, and
 * gives up with a rejection that nobody can catch.
 */
export function createSockets(appToken: string, apiUrl: string, log: Logger): Sockets {
  const stopping = new AbortController();
  const up = new Set<number>();
  const receivers = Array.from(
    { length: CONNECTIONS },
    () =>
      new SocketModeReceiver({
        appToken,
        autoReconnectEnabled: false,
        logger: boltLogger(log),
        installerOptions: { clientOptions: slackClientOptions(apiUrl) },
      }),
  );

  async function keepUp(receiver: SocketModeReceiver, index: number, first: First): Promise<void> {
    for (let failures = 0; !stopping.signal.aborted; ) {
      const down = new Promise<void>((done) => receiver.client.once('disconnected', () => done()));
      try {
        await receiver.client.start();
        // Given up or stopped in the meantime.
        if (stopping.signal.aborted) return void (await receiver.client.disconnect());
        failures = 0;
        up.add(index);
        first.up();
        log.info({ connection: index }, 'connected to Slack');
        await down;
      } catch (err) {
        failures++;
        log.warn({ err, connection: index, failures }, 'connecting to Slack');
        const refusal = refusalOfToken(err, ['not_allowed_token_type']);
        if (refusal) first.refused(refusal, err);
      }
      up.delete(index);
      if (failures > 0) await pause(Math.min(500 * 2 ** failures, MAX_BACKOFF_MS), stopping.signal);
    }
  }

  async function stop(): Promise<void> {
    stopping.abort();
    const closing = receivers.map((receiver) => receiver.client.disconnect());
    // The closing handshake may take 30 s with a server that does not answer.
    await Promise.race([Promise.all(closing), sleep(1_000, undefined, { ref: false })]);
  }

  async function start(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = deferred();
    const aborted = () => reject(signal?.reason);
    signal?.addEventListener('abort', aborted, { once: true });
    // Once a connection was up, a refusal no longer matters here: the promise is settled, and trying goes on.
    const first: First = { up: resolve, refused: (word, cause) => reject(refusedToken(word, cause)) };
    for (const [index, receiver] of receivers.entries()) void keepUp(receiver, index, first);
    try {
      await promise;
    } catch (error) {
      await stop();
      throw error;
    } finally {
      signal?.removeEventListener('abort', aborted);
    }
  }

  return {
    init(app: App) {
      for (const receiver of receivers) receiver.init(app);
    },
    start,
    stop,
    connected: () => up.size,
  };
}

function refusedToken(word: string, cause: unknown): BotError {
  const text = `Slack refuses the app-level token (${word}); check SLACK_APP_TOKEN`;
  return new BotError('slack-refused', text, { cause });
}

function deferred() {
  let resolve: () => void = () => undefined;
  let reject: (reason: unknown) => void = () => undefined;
  const promise = new Promise<void>((done, fail) => {
    resolve = done;
    reject = fail;
  });
  return { promise, resolve, reject };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return sleep(ms, undefined, { signal }).catch(() => undefined);
}
