import { Socket } from 'node:net';
import pg from 'pg';
import { BotError } from '../errors.ts';
import { postgresError } from './postgres-errors.ts';

export interface ConnectionSettings {
  url: string;
  /** Server settings of the session, such as statement_timeout. */
  settings: Record<string, string | number>;
  applicationName: string;
  connectTimeoutMs: number;
  /** What the role is missing when PostgreSQL denies permission. */
  grant: string;
}

/** One session at PostgreSQL. After an abort it is broken and only fit to be shut. */
export interface Connection {
  role: string;
  broken(): boolean;
  /** Runs one statement by the extended protocol, which accepts no second statement behind a semicolon. */
  query<Row extends pg.QueryResultRow>(sql: string, values: unknown[], signal: AbortSignal): Promise<Row[]>;
  /** Changes application_name, so that the server's views say which probe is looking. */
  rename(applicationName: string, signal: AbortSignal): Promise<void>;
  shut(): Promise<void>;
}

/** Opens a session; an abort or the time limit closes the socket at once. */
export async function connect(
  settings: ConnectionSettings,
  signal: AbortSignal,
  onLost: () => void = () => undefined,
): Promise<Connection> {
  const url = new URL(settings.url);
  // Parameters of the URL would win over the settings that keep probes harmless.
  for (const name of ['options', 'application_name', 'statement_timeout', 'lock_timeout']) {
    url.searchParams.delete(name);
  }
  const socket = new Socket();
  const client = new pg.Client({
    connectionString: url.href,
    application_name: settings.applicationName,
    connectionTimeoutMillis: settings.connectTimeoutMs,
    keepAlive: true,
    pipeline: true,
    options: Object.entries(settings.settings)
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(' '),
    stream: () => socket,
  });
  const role = decodeURIComponent(url.username) || 'the configured role';
  let broken = false;
  const lose = () => {
    if (!broken) onLost();
    broken = true;
  };
  client.on('error', lose);
  client.on('end', lose);

  async function abortable<T>(work: Promise<T>, limit: AbortSignal): Promise<T> {
    const giveUp = () => {
      broken = true;
      // The statement itself ends by its own statement_timeout at the server.
      socket.destroy();
    };
    limit.addEventListener('abort', giveUp, { once: true });
    if (limit.aborted) giveUp();
    try {
      return await work;
    } catch (error) {
      if (limit.aborted) throw timedOut(error);
      throw postgresError(error, role, settings.grant);
    } finally {
      limit.removeEventListener('abort', giveUp);
    }
  }

  let applicationName = settings.applicationName;
  const connection: Connection = {
    role,
    broken: () => broken,
    async query<Row extends pg.QueryResultRow>(sql: string, values: unknown[], limit: AbortSignal) {
      // pg reads queryMode; its type declarations do not know it yet.
      const statement: pg.QueryConfig & { queryMode: 'extended' } = {
        text: sql,
        values,
        queryMode: 'extended',
      };
      const { rows } = await abortable(client.query<Row>(statement), limit);
      return rows;
    },
    async rename(name, limit) {
      if (name === applicationName) return;
      applicationName = name; // what is sent after this comes after it
      await connection.query("select set_config('application_name', $1, false)", [name], limit);
    },
    async shut() {
      const dead = broken;
      broken = true;
      if (dead) socket.destroy();
      else await client.end();
    },
  };
  await abortable(client.connect(), signal);
  return connection;
}

function timedOut(cause: unknown): BotError {
  return new BotError('target-timeout', 'PostgreSQL did not answer in time', { cause });
}
