import type { QueryResultRow } from 'pg';
import { BotError } from '../errors.ts';
import type { SessionQuery } from './postgres.ts';
import type { Connection } from './postgres-connection.ts';

/** How long a cancelled statement may take to end before its connection is given up. */
const CANCEL_MS = 15_000;

/** A session of its own for an approved change that takes longer than one small statement. */
export interface MaintenanceSession {
  pid: number;
  /** A short statement, in a transaction of its own. */
  query: SessionQuery;
  /**
   * A statement that may take hours, outside of a transaction. An abort cancels it at the server and waits for its
   * end: closing the connection alone would leave it running there.
   */
  run(sql: string, signal: AbortSignal): Promise<void>;
}

export interface Maintain {
  /** Server settings of the session, such as lock_timeout. */
  settings: Record<string, string | number>;
  /** What the role is missing when PostgreSQL denies permission. */
  grant: string;
  /** Ends the short statements and the opening of the session; `run` has its own. */
  signal: AbortSignal;
}

type Open = (maintain: Pick<Maintain, 'settings' | 'grant'>, signal: AbortSignal) => Promise<Connection>;

/** Opens a session for `work`, and closes it behind it. */
export async function maintenance<T>(
  open: Open,
  ask: Maintain,
  work: (session: MaintenanceSession) => Promise<T>,
): Promise<T> {
  const connection = await open(ask, ask.signal);
  try {
    const [row] = await connection.query<{ pid: number }>('select pg_backend_pid() as pid', [], ask.signal);
    if (!row) throw new BotError('target-protocol', 'PostgreSQL gave no answer about its own session');
    const { pid } = row;
    return await work({
      pid,
      query: <Row extends QueryResultRow>(sql: string, values: unknown[] = []) =>
        connection.query<Row>(sql, values, ask.signal),
      run: (sql, signal) => runLong(connection, sql, signal, () => cancel(open, ask, pid)),
    });
  } finally {
    await connection.shut();
  }
}

async function runLong(
  connection: Connection,
  sql: string,
  signal: AbortSignal,
  cancelIt: () => Promise<void>,
): Promise<void> {
  signal.throwIfAborted();
  const giveUp = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let cancelling: Promise<void> | undefined;
  const onAbort = () => {
    timer = setTimeout(() => giveUp.abort(), CANCEL_MS);
    cancelling = cancelIt();
    // The statement's own end tells what came of it; whoever waits for the cancel gets its error below.
    cancelling.catch(() => undefined);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await connection.query(sql, [], giveUp.signal);
  } catch (error) {
    if (giveUp.signal.aborted) await cancelling; // why the cancel did not get through says more
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

/** From a second session of the same role, which may signal its own without any further right. */
async function cancel(open: Open, ask: Maintain, pid: number): Promise<void> {
  const signal = AbortSignal.timeout(CANCEL_MS);
  const connection = await open({ settings: { statement_timeout: 5_000 }, grant: ask.grant }, signal);
  try {
    await connection.query('select pg_cancel_backend($1)', [pid], signal);
  } finally {
    await connection.shut();
  }
}
