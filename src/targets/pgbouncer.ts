import type { ServiceConfig } from '../config/schema.ts';
import { BotError, userMessageOf } from '../errors.ts';
import { createCircuit } from './circuit.ts';
import type { Log } from './log.ts';
import { type Console, openConsole, type ShowRow } from './pgbouncer-console.ts';
import type { Examinable, Examined } from './requirement.ts';
import { timeLimit } from './time-limit.ts';

type PgBouncerConfig = NonNullable<ServiceConfig['targets']['pgbouncer']>;

/** What may be asked of the admin console; never SHOW FDS, which blocks PgBouncer. */
export type Show =
  | 'POOLS'
  | 'CLIENTS'
  | 'SERVERS'
  | 'STATS'
  | 'DATABASES'
  | 'CONFIG'
  | 'LISTS'
  | 'STATE'
  | 'VERSION';

// https://www.pgbouncer.org/usage.html#show-commands
const SHOWS: Record<Show, string> = {
  POOLS: 'SHOW POOLS',
  CLIENTS: 'SHOW CLIENTS',
  SERVERS: 'SHOW SERVERS',
  STATS: 'SHOW STATS',
  DATABASES: 'SHOW DATABASES',
  CONFIG: 'SHOW CONFIG',
  LISTS: 'SHOW LISTS',
  STATE: 'SHOW STATE',
  VERSION: 'SHOW VERSION',
};

/** PgBouncer's admin console, on one connection. */
export interface PgBouncerTarget extends Examinable {
  /** Rows of a SHOW, every value as text. */
  show(what: Show, signal: AbortSignal): Promise<ShowRow[]>;
  close(): Promise<void>;
}

/** Makes the client; nothing is connected before the first SHOW. An idle console costs PgBouncer nothing, so it stays. */
export function openPgBouncer(config: PgBouncerConfig, log?: Log): PgBouncerTarget {
  const circuit = createCircuit();
  let current: Console | undefined;
  let opening: Promise<Console> | undefined;
  let closed = false;

  function open(): Promise<Console> {
    opening ??= openConsole(config.url, config.timeout)
      .then(async (opened) => {
        current = opened;
        if (closed) await opened.close();
        return opened;
      })
      .catch((error: unknown) => {
        log?.warn({ err: error }, 'the admin console of PgBouncer cannot be reached');
        throw error;
      })
      .finally(() => {
        opening = undefined;
      });
    return opening;
  }

  async function look(what: Show, signal: AbortSignal): Promise<ShowRow[]> {
    if (closed) throw new BotError('internal', 'the connections of this service are closed');
    if (current && !current.isUsable()) {
      await current.close();
      current = undefined;
    }
    const limit = timeLimit(signal, config.timeout);
    const opened = current ?? (await open());
    return opened.ask(SHOWS[what], limit);
  }

  const show = (what: Show, signal: AbortSignal) => circuit.run(() => look(what, signal));
  return {
    show,
    examine: (signal) => examine(show, signal),
    async close() {
      closed = true;
      await opening?.catch(() => undefined); // told to who opened it
      await current?.close();
    },
  };
}

async function examine(show: PgBouncerTarget['show'], signal: AbortSignal): Promise<Examined[]> {
  const id = 'pgbouncer:reachable';
  try {
    const [version] = await show('VERSION', signal);
    await show('POOLS', signal);
    const words = version?.version ?? Object.values(version ?? {})[0] ?? 'PgBouncer of an unknown version';
    return [{ id, met: true, words, remedy: null }];
  } catch (error) {
    const isDenied = error instanceof BotError && error.code === 'target-permission';
    const remedy = isDenied
      ? 'stats_users = latency_probe in pgbouncer.ini, its password in auth_file, then RELOAD'
      : null;
    return [{ id, met: false, words: userMessageOf(error), remedy }];
  }
}
