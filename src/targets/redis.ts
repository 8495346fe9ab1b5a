import type { ServiceConfig } from '../config/schema.ts';
import { BotError } from '../errors.ts';
import { createCircuit } from './circuit.ts';
import type { Log } from './log.ts';
import { aclRemedy, type RedisCommand, refuseUnlisted } from './redis-commands.ts';
import { connectRedis, type RedisConnection } from './redis-connection.ts';
import { examineRedis } from './redis-examine.ts';
import type { Examinable } from './requirement.ts';
import { timeLimit } from './time-limit.ts';

type RedisConfig = NonNullable<ServiceConfig['targets']['redis']>;

/** The application's Redis, on one connection, for commands that only look. */
export interface RedisTarget extends Examinable {
  /** Runs one command of a closed read-only list. */
  call(command: RedisCommand, signal: AbortSignal): Promise<unknown>;
  /** The ACL line that would allow a command, for people. */
  remedy(command: RedisCommand): string;
  close(): Promise<void>;
}

/** Makes the client; nothing is connected before the first command. */
export function openRedis(config: RedisConfig, log?: Log): RedisTarget {
  const circuit = createCircuit();
  const user = decodeURIComponent(new URL(config.url).username) || 'latency_probe';
  const patterns = [...new Set([...config.queues, 'unacked'].map((key) => `~${key}*`))];
  const remedy = (command: RedisCommand) => aclRemedy(command, user, patterns);
  let current: RedisConnection | undefined;
  let opening: Promise<RedisConnection> | undefined;
  let closed = false;

  // Only connecting goes through the circuit: a command that is slow to be answered is what the probes are there to see.
  function open(): Promise<RedisConnection> {
    opening ??= circuit
      .run(() => connectRedis({ url: config.url, timeoutMs: config.timeout, remedy }))
      .then((connection) => {
        if (closed) connection.close();
        current = connection;
        return connection;
      })
      .catch((error: unknown) => {
        log?.warn({ err: error }, 'the diagnosed Redis cannot be reached');
        throw error;
      })
      .finally(() => {
        opening = undefined;
      });
    return opening;
  }

  async function call(command: RedisCommand, signal: AbortSignal): Promise<unknown> {
    refuseUnlisted(command);
    if (closed) throw new BotError('internal', 'the connections of this service are closed');
    if (current && !current.isUsable()) {
      current.close();
      current = undefined;
    }
    const connection = current ?? (await abortable(open(), signal));
    return connection.send(command, timeLimit(signal, config.timeout));
  }

  return {
    call,
    remedy,
    examine: (signal) => examineRedis({ call, remedy, queues: config.queues, signal }),
    async close() {
      closed = true;
      current?.close();
      await opening?.then((connection) => connection.close()).catch(() => undefined); // told to who opened it
    },
  };
}

function abortable<T>(work: Promise<T>, given: AbortSignal): Promise<T> {
  // One of its own: Node warns of a leak when many callers, here the pings, listen to the same signal at once.
  const signal = AbortSignal.any([given]);
  return new Promise((resolve, reject) => {
    const giveUp = () =>
      reject(new BotError('target-timeout', 'no time was left to reach Redis', { cause: signal.reason }));
    if (signal.aborted) giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}
