import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import { BotError } from '../errors.ts';
import { storableText } from './storable.ts';

// The store speaks JavaScript numbers for bigint: ids and counters stay far below 2^53.
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: unknown) =>
    oid === pg.types.builtins.INT8
      ? (text: string) => Number(text)
      : (pg.types.getTypeParser(oid, format as 'text') as (text: string) => unknown),
};

/** What the store's functions need: a pool, or the connection of a transaction. */
export interface Db {
  query<Row extends pg.QueryResultRow = pg.QueryResultRow>(
    text: string,
    values?: unknown[],
  ): Promise<pg.QueryResult<Row>>;
}

export interface Database extends Db {
  /** Runs `work` in one transaction; rolls back when it throws. */
  transaction<T>(work: (db: Db) => Promise<T>): Promise<T>;
  /** A connection of its own, for LISTEN and session locks. The caller ends it. */
  dedicated(): Promise<pg.Client>;
  close(): Promise<void>;
}

/** Opens the bot's own database. Throws `store-unreachable` when it does not answer. */
export async function openDatabase(url: string, onError: (error: Error) => void): Promise<Database> {
  const config: pg.PoolConfig = {
    connectionString: url,
    application_name: 'latency-bot:store',
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    max: 12,
    // The store is local and fast; a statement that hangs must not hold a click for ever.
    statement_timeout: 15_000,
    types,
  };
  // The server's limit is of no use when the server itself is gone: this one is the client's. Not for connections
  // of their own, which wait on purpose.
  const pool = new pg.Pool({ ...config, query_timeout: 20_000 });
  pool.on('error', onError);
  try {
    await pool.query('select 1');
  } catch (cause) {
    await pool.end();
    throw new BotError('store-unreachable', "the bot's own database does not answer; check DATABASE_URL", {
      cause,
    });
  }
  return {
    ...storing(pool),
    transaction: (work) => transaction(pool, work),
    dedicated: async () => {
      const client = new pg.Client({
        ...config,
        application_name: 'latency-bot:publisher',
        statement_timeout: 0,
      });
      client.on('error', onError);
      await client.connect();
      return client;
    },
    close: () => pool.end(),
  };
}

/** Texts from outside may hold what PostgreSQL refuses; an alert must not be lost for it. */
function storing(connection: pg.Pool | pg.ClientBase): Db {
  return {
    query: (text, values) =>
      connection.query(
        text,
        values?.map((value) => (typeof value === 'string' ? storableText(value) : value)),
      ),
  };
}

async function transaction<T>(pool: pg.Pool, work: (db: Db) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  // The pool listens on idle connections only; a loss nobody listens for would end the process.
  const lost = (error: Error) => {
    broken = error;
  };
  client.on('error', lost);
  try {
    await client.query('begin');
    const result = await work(storing(client));
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch((rollbackError: Error) => {
      broken = rollbackError; // the pool must not hand this connection out again
    });
    throw error;
  } finally {
    client.off('error', lost);
    client.release(broken);
  }
}

/** Holds a name for as long as this process lives; null when another process holds it. */
export async function reserve(
  database: Database,
  name: string,
): Promise<{ release(): Promise<void> } | null> {
  const client = await database.dedicated();
  const { rows } = await client.query<{ mine: boolean }>(
    "select pg_try_advisory_lock(hashtext('latency-bot:' || $1)) as mine",
    [name],
  );
  if (rows[0]?.mine) return { release: () => client.end() };
  await client.end();
  return null;
}

/** Brings the schema up to date. Two processes may start at once: the second waits for the first. */
export async function migrate(database: Database, log: (line: string) => void): Promise<string[]> {
  const client = await database.dedicated();
  try {
    // node-pg-migrate's own lock gives up at once; ours waits.
    await client.query("select pg_advisory_lock(hashtext('latency-bot:migrate'))");
    const applied = await runner({
      dbClient: client,
      dir: fileURLToPath(new URL('./migrations', import.meta.url)),
      direction: 'up',
      migrationsTable: 'migrations',
      noLock: true,
      verbose: false,
      log: (line) => log(String(line)),
    });
    return applied.map((migration) => migration.name);
  } catch (cause) {
    throw new BotError('store-migration', "updating the schema of the bot's database", { cause });
  } finally {
    await client.end();
  }
}
