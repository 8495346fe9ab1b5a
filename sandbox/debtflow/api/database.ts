import pg from 'pg';
import type { ApiConfig } from './messages.ts';

/** A worker's one database connection, kept between requests as Django keeps it. */
export interface Database {
  /** Runs one statement whose values are already part of its text, as psycopg sends it. */
  execute<Row extends pg.QueryResultRow>(sql: string): Promise<Row[]>;
  /** Runs the statements in one transaction. */
  atomic(statements: string[]): Promise<void>;
  /** What was spent since the last call: the seconds of every statement, and the connections opened. */
  spent(): { querySeconds: number[]; newConnections: number };
  /** Ends a connection that is too old, at the end of a request, as Django does: the next one opens another. */
  closeIfObsolete(): Promise<void>;
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 3_000;

/** Connects at the first statement of a request that finds no connection. */
export function openDatabase(config: ApiConfig): Database {
  let connection: { client: pg.Client; openedAt: number } | null = null;
  let querySeconds: number[] = [];
  let newConnections = 0;

  async function drop(): Promise<void> {
    const old = connection;
    connection = null;
    await old?.client.end();
  }

  async function connect(): Promise<pg.Client> {
    if (connection) return connection.client;
    const client = new pg.Client({
      connectionString: config.databaseUrl,
      application_name: 'debtflow-api',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    });
    // Terminated from outside: the next request opens another, as Django's close_if_unusable_or_obsolete does.
    client.on('error', () => {
      if (connection?.client === client) connection = null;
    });
    await client.connect();
    newConnections += 1;
    connection = { client, openedAt: Date.now() };
    return client;
  }

  async function timed<Row extends pg.QueryResultRow>(client: pg.Client, sql: string): Promise<Row[]> {
    const startedAt = performance.now();
    try {
      return (await client.query<Row>(sql)).rows;
    } finally {
      querySeconds.push((performance.now() - startedAt) / 1000);
    }
  }

  return {
    execute: async (sql) => timed(await connect(), sql),
    async atomic(statements) {
      const client = await connect();
      try {
        for (const sql of ['BEGIN', ...statements, 'COMMIT']) await timed(client, sql);
      } catch (error) {
        // A rollback that does not arrive either means the connection is gone, and the transaction with it.
        await client.query('ROLLBACK').catch(drop);
        throw error;
      }
    },
    spent() {
      const result = { querySeconds, newConnections };
      querySeconds = [];
      newConnections = 0;
      return result;
    },
    async closeIfObsolete() {
      if (connection && Date.now() - connection.openedAt > config.connMaxAgeMs) await drop();
    },
    close: drop,
  };
}
