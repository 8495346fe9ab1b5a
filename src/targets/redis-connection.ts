import { isIP } from 'node:net';
import { Redis } from 'ioredis';
import { BotError } from '../errors.ts';
import { commandTitle, type RedisCommand } from './redis-commands.ts';
import { redisError } from './redis-errors.ts';

/** A connection that has left a command unanswered for so long is not worth another one. */
const HUNG_MS = 10_000;

/** One connection to Redis, which does not come back by itself. */
export interface RedisConnection {
  /** Sends one command; fails at `limit` at the latest, while the connection stays: a late answer finds its command. */
  send(command: RedisCommand, limit: AbortSignal): Promise<unknown>;
  isUsable(): boolean;
  close(): void;
}

export interface RedisAddress {
  url: string;
  timeoutMs: number;
  remedy(command: RedisCommand): string;
}

/** Connects, logs in, names the connection and selects the database, all within the time limit. */
export async function connectRedis(address: RedisAddress): Promise<RedisConnection> {
  const url = new URL(address.url);
  const client = createClient(url, address.timeoutMs);
  const unanswered = new Set<{ sentAt: number }>();
  let broken: Error | undefined;
  let usable = true;
  client.on('error', (error: Error) => {
    broken ??= error;
  });
  client.on('close', () => {
    usable = false;
  });

  async function send(command: RedisCommand, limit: AbortSignal): Promise<unknown> {
    const [name, ...args] = command;
    const waiting = { sentAt: performance.now() };
    unanswered.add(waiting);
    const answer = client.call(name, ...args).finally(() => unanswered.delete(waiting));
    try {
      return await within(answer, limit);
    } catch (error) {
      if (error instanceof BotError) throw error;
      const isLost = error instanceof Error && /Connection is closed/.test(error.message);
      throw redisError(isLost ? (broken ?? error) : error, commandTitle(command), address.remedy(command));
    }
  }

  const connection: RedisConnection = {
    send,
    isUsable() {
      const [oldest] = unanswered;
      return usable && (oldest === undefined || performance.now() - oldest.sentAt < HUNG_MS);
    },
    close() {
      usable = false;
      client.disconnect();
    },
  };
  try {
    const limit = AbortSignal.timeout(address.timeoutMs);
    await within(client.connect(), limit).catch((error: unknown) => {
      throw redisError(broken ?? error, 'connecting', '');
    });
    await logIn(connection, url, limit);
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

// ioredis's own login and SELECT go on when they are refused, and would look at another database in silence; its ready
// check needs INFO. So it only carries commands here, and nothing is queued, retried or reconnected behind our back.
function createClient(url: URL, timeoutMs: number): Redis {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return new Redis({
    host,
    port: Number(url.port || 6379),
    // A server is told by name which certificate to show; an address is none.
    ...(url.protocol === 'rediss:' && { tls: isIP(host) === 0 ? { servername: host } : {} }),
    protocol: 2,
    lazyConnect: true,
    enableReadyCheck: false,
    enableOfflineQueue: false,
    disableClientInfo: true,
    connectTimeout: timeoutMs,
    disconnectTimeout: 1,
    retryStrategy: null,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
  });
}

async function logIn(connection: RedisConnection, url: URL, limit: AbortSignal): Promise<void> {
  const [user, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
  if (password !== '') await connection.send(['AUTH', ...(user ? [user] : []), password], limit);
  await connection.send(['CLIENT', 'SETNAME', 'latency-bot'], limit).catch((error: unknown) => {
    // The name is a courtesy to those who look at CLIENT LIST.
    if (!(error instanceof BotError) || !/ denies /.test(error.userMessage)) throw error;
  });
  const database = url.pathname.slice(1);
  if (database !== '' && database !== '0') await connection.send(['SELECT', database], limit);
}

/** The work, or a failure at the limit. */
function within<T>(work: Promise<T>, limit: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(timedOut(limit.reason));
    if (limit.aborted) giveUp();
    limit.addEventListener('abort', giveUp, { once: true });
    work.then(resolve, reject).finally(() => limit.removeEventListener('abort', giveUp));
  });
}

function timedOut(cause: unknown): BotError {
  return new BotError(
    'target-timeout',
    'Redis does not answer: a slow command blocks it, its process is stopped or swapped out, or the network drops packets',
    { cause },
  );
}
