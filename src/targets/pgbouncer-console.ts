import { Socket } from 'node:net';
import pg from 'pg';
import { BotError } from '../errors.ts';
import { pgbouncerError } from './pgbouncer-errors.ts';

export type ShowRow = Record<string, string | null>;

/** One connection to the admin console. After an abort it is broken. */
export interface Console {
  isUsable(): boolean;
  ask(sql: string, limit: AbortSignal): Promise<ShowRow[]>;
  close(): Promise<void>;
}

const AS_TEXT = { getTypeParser: () => (value: string | Buffer) => value.toString() };

/** Logs in at the console; the time limit closes the socket at once. */
export async function openConsole(url: string, timeoutMs: number): Promise<Console> {
  const address = new URL(url);
  // PgBouncer refuses a client that brings settings it does not know.
  for (const name of ['options', 'statement_timeout', 'lock_timeout']) address.searchParams.delete(name);
  const user = decodeURIComponent(address.username) || 'the configured user';
  const socket = new Socket();
  const client = new pg.Client({
    connectionString: address.href,
    application_name: 'latency-bot',
    connectionTimeoutMillis: timeoutMs,
    keepAlive: true,
    types: AS_TEXT,
    stream: () => socket,
  });
  let usable = true;
  const lose = () => {
    usable = false;
  };
  client.on('error', lose);
  client.on('end', lose);

  async function abortable<T>(work: Promise<T>, limit: AbortSignal): Promise<T> {
    const giveUp = () => {
      usable = false;
      socket.destroy();
    };
    limit.addEventListener('abort', giveUp, { once: true });
    if (limit.aborted) giveUp();
    try {
      return await work;
    } catch (error) {
      throw limit.aborted ? timedOut(error) : pgbouncerError(error, user);
    } finally {
      limit.removeEventListener('abort', giveUp);
    }
  }

  await abortable(client.connect(), AbortSignal.timeout(timeoutMs));
  return {
    isUsable: () => usable,
    // Without values pg uses the simple protocol, the only one that the console speaks.
    ask: async (sql, limit) => (await abortable(client.query<ShowRow>(sql), limit)).rows,
    async close() {
      const dead = !usable;
      usable = false;
      if (dead) socket.destroy();
      else await client.end();
    },
  };
}

function timedOut(cause: unknown): BotError {
  return new BotError(
    'target-timeout',
    'the admin console of PgBouncer does not answer: its single thread is saturated, or its process is stopped',
    { cause },
  );
}
