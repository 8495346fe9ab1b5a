import { setTimeout as sleep } from 'node:timers/promises';
import { type App, type Receiver, SocketModeReceiver } from '@slack/bolt';
import type { Logger } from 'pino';
import { slackClientOptions } from '../publisher/slack-client.ts';
import { boltLogger } from './bolt-logger.ts';

/** Two connections, so that Slack's regular refresh of one leaves no gap. */
const CONNECTIONS = 2;
const MAX_BACKOFF_MS = 15_000;

export interface Sockets extends Receiver {
  /** How many connections are up. */
  connected(): number;
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

  async function keepUp(receiver: SocketModeReceiver, index: number, onFirst: () => void): Promise<void> {
    for (let failures = 0; !stopping.signal.aborted; ) {
      const down = new Promise<void>((done) => receiver.client.once('disconnected', () => done()));
      try {
        await receiver.client.start();
        failures = 0;
        up.add(index);
        onFirst();
        log.info({ connection: index }, 'connected to Slack');
        await down;
      } catch (err) {
        failures++;
        log.warn({ err, connection: index, failures }, 'connecting to Slack');
      }
      up.delete(index);
      if (failures > 0) await pause(Math.min(500 * 2 ** failures, MAX_BACKOFF_MS), stopping.signal);
    }
  }

  return {
    init(app: App) {
      for (const receiver of receivers) receiver.init(app);
    },
    /** Resolves once the first connection is up; an outage at start is waited for. */
    start: () =>
      new Promise<void>((done) => {
        for (const [index, receiver] of receivers.entries()) void keepUp(receiver, index, done);
      }),
    async stop() {
      stopping.abort();
      const closing = receivers.map((receiver) => receiver.client.disconnect());
      // The closing handshake may take 30 s with a server that does not answer.
      await Promise.race([Promise.all(closing), sleep(1_000, undefined, { ref: false })]);
    },
    connected: () => up.size,
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return sleep(ms, undefined, { signal }).catch(() => undefined);
}
