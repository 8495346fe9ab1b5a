import type { ServiceConfig } from '../config/schema.ts';
import { BotError, userMessageOf } from '../errors.ts';
import { createCircuit } from './circuit.ts';
import type { Log } from './log.ts';
import { type AdminConsole, adminConsole, titleOf } from './pgbouncer-admin.ts';
import { type Console, openConsole, type ShowRow } from './pgbouncer-console.ts';
import type { Examinable, Examined } from './requirement.ts';
import { timeLimit } from './time-limit.ts';

/** A few SHOWs and one command. */
const ACT_LIMIT_MS = 5_000;

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
  /** Where it is: "pgbouncer:6432". */
  title: string;
  /** A session of its own, as a user of admin_users, for one approved action; closed when the work is done. */
  act<T>(work: (admin: AdminConsole) => Promise<T>, signal: AbortSignal): Promise<T>;
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

  async function act<T>(work: (admin: AdminConsole) => Promise<T>, signal: AbortSignal): Promise<T> {
    if (!config.adminUrl) {
      const message =
        'the bot only looks at PgBouncer: set targets.pgbouncer.adminUrl to let approved actions through';
      throw new BotError('not-configured', message);
    }
    const opened = await openConsole(config.adminUrl, config.timeout);
    try {
      return await work(adminConsole(opened, timeLimit(signal, ACT_LIMIT_MS)));
    } finally {
      await opened.close();
    }
  }

  return {
    show,
    title: titleOf(config.url),
    act,
    examine: async (signal) => [...(await examine(show, signal)), await examineAdmin(config, act, signal)],
    async close() {
      closed = true;
      await opening?.catch(() => undefined); // told to who opened it
      await current?.close();
    },
  };
}

async function examineAdmin(
  { adminUrl }: PgBouncerConfig,
  act: PgBouncerTarget['act'],
  signal: AbortSignal,
): Promise<Examined> {
  const id = 'pgbouncer:act';
  if (!adminUrl) {
    const words = 'no user for approved actions is configured: the bot only looks';
    return { id, met: false, words, remedy: 'set targets.pgbouncer.adminUrl (docs/permissions.md)' };
  }
  const user = decodeURIComponent(new URL(adminUrl).username);
  try {
    const rights = await act((admin) => admin.mayAct(), signal);
    return rights
      ? { id, met: true, words: `${user} may RESUME and RECONNECT`, remedy: null }
      : {
          id,
          met: false,
          words: `${user} may only look`,
          remedy: `admin_users = ${user} in pgbouncer.ini, then RELOAD`,
        };
  } catch (error) {
    return { id, met: false, words: userMessageOf(error), remedy: 'check targets.pgbouncer.adminUrl' };
  }
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
