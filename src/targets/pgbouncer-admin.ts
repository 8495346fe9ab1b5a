import { BotError } from '../errors.ts';
import type { Console, ShowRow } from './pgbouncer-console.ts';

/**
 * What may be told to PgBouncer, always about one database. KILL, SHUTDOWN and PAUSE are not among it: they stop
 * everybody. https://www.pgbouncer.org/usage.html#process-controlling-commands
 */
export type AdminWord = 'RESUME' | 'RECONNECT';

/** One session of an admin: what it sees and what it tells stand next to each other. */
export interface AdminConsole {
  show(what: 'DATABASES' | 'STATS' | 'SERVERS' | 'POOLS' | 'CLIENTS' | 'LISTS'): Promise<ShowRow[]>;
  tell(word: AdminWord, database: string): Promise<void>;
  /** Whether it is an admin at all; changes nothing. */
  mayAct(): Promise<boolean>;
}

export function adminConsole(console: Console, limit: AbortSignal): AdminConsole {
  return {
    show: (what) => console.ask(`SHOW ${what}`, limit),
    async tell(word, database) {
      await console.ask(`${word} ${consoleName(database)}`, limit);
    },
    // No SHOW tells it. The rights are looked at before the name is, and there is nothing of this name to resume.
    mayAct: () =>
      console.ask(`RESUME ${consoleName(NO_DATABASE)}`, limit).then(
        () => true,
        (error: unknown) => {
          if (error instanceof BotError && error.code === 'target-permission') return false;
          if (error instanceof BotError && /no such database/i.test(String(error.cause))) return true;
          throw error;
        },
      ),
  };
}

const NO_DATABASE = 'latency-bot asks whether it may';

/** A name as the console reads it. The name of a database that PgBouncer shows may be anything; a line break may not. */
export function consoleName(name: string): string {
  if (name === '' || /\p{Cc}/u.test(name))
    throw new BotError('target-protocol', 'PgBouncer shows a database whose name cannot be told to it');
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

/** Where the console is, without user and password. */
export function titleOf(url: string): string {
  const { hostname, port } = new URL(url);
  return `${hostname}:${port || '6432'}`;
}
