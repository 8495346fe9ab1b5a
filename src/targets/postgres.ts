import type { QueryResultRow } from 'pg';
import type { ServiceConfig } from '../config/schema.ts';
import { BotError } from '../errors.ts';
import { createCircuit } from './circuit.ts';
import { createConnectionBudget } from './connection-budget.ts';
import { BLIND, examinePostgres } from './examine-postgres.ts';
import type { Log } from './log.ts';
import { type Connection, connect } from './postgres-connection.ts';
import { type Maintain, type MaintenanceSession, maintenance } from './postgres-maintenance.ts';
import type { Examinable } from './requirement.ts';
import { timeLimit } from './time-limit.ts';
import { keepWarm } from './warm.ts';

const CONNECT_TIMEOUT_MS = 1_500;
const PROBE_STATEMENT_MS = 2_000;
/** PostgreSQL keeps 63 bytes of an application_name. */
const APPLICATION_NAME_BYTES = 63;

const PROBE_SETTINGS = {
  default_transaction_read_only: 'on',
  statement_timeout: PROBE_STATEMENT_MS,
  lock_timeout: 200,
  idle_in_transaction_session_timeout: 5_000,
  jit: 'off',
  max_parallel_workers_per_gather: 0,
  work_mem: '8MB',
  search_path: 'pg_catalog',
};

const ACT_SETTINGS: Record<string, string | number> = {
  statement_timeout: 10_000,
  lock_timeout: 200,
  search_path: 'pg_catalog',
};

/** Probes with many statements: where each takes long, who waits for whom has to be known first. */
const PATIENT: ReadonlySet<string> = new Set(['explain', 'table-health', 'postgres-server']);
/** A second session cannot be had now: no slot, or no CPU to start a backend in time. The first one still answers. */
const CROWDED: ReadonlySet<string> = new Set(['target-full', 'target-timeout']);

const SEES_ALL_STATS = `
  select pg_has_role(session_user, 'pg_read_all_stats', 'usage') as sees`;

/** Runs one statement within a `session`. */
export type SessionQuery = <Row extends QueryResultRow>(sql: string, values?: unknown[]) => Promise<Row[]>;

export interface Ask {
  /** Who asks; becomes application_name `latency-bot:<probe>`. */
  probe: string;
  sql: string;
  values?: unknown[];
  signal: AbortSignal;
  /** Asks even when the last attempts failed: for verifying an effect. */
  always?: boolean;
}

/** The diagnosed PostgreSQL: at most two sessions for looking, and one for an approved act while it lasts. */
export interface PostgresTarget extends Examinable {
  /** Whether there is a role for approved acts. */
  canAct: boolean;
  /** Opens the session that stays, and keeps it alive. */
  open(): void;
  /** One read-only statement in a transaction of its own. */
  query<Row extends QueryResultRow>(ask: Ask): Promise<Row[]>;
  /**
   * A short sequence on one connection, in one read-only transaction that is always rolled back. It holds one of the two
   * connections for as long as it lasts, so it has the time of one statement.
   */
  session<T>(ask: Pick<Ask, 'probe' | 'signal'>, work: (query: SessionQuery) => Promise<T>): Promise<T>;
  /** Role of approved acts; null without one. */
  actionRole: string | null;
  /** One statement of an approved act, on a session opened for it. */
  act<Row extends QueryResultRow>(ask: Omit<Ask, 'probe' | 'always'>): Promise<Row[]>;
  /** An approved change that may take long, on a session of its own. */
  maintain<T>(ask: Maintain, work: (session: MaintenanceSession) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

type PostgresConfig = NonNullable<ServiceConfig['targets']['postgres']>;

/** Makes the client; nothing is connected before `open()` or the first query. */
export function openPostgres(config: PostgresConfig, log?: Log): PostgresTarget {
  const circuit = createCircuit();
  let warm: ReturnType<typeof keepWarm> | undefined;
  const budget = createConnectionBudget<Connection>({
    max: 2,
    spareIdleMs: 5_000,
    open: (signal) => openProbeConnection(config.url, signal, () => warm?.lost()),
    shut: (connection) => connection.shut(),
    isBroken: (connection) => connection.broken(),
    isCrowded: (error) => error instanceof BotError && CROWDED.has(error.code),
  });

  function lend<T>(
    ask: Pick<Ask, 'probe' | 'signal'>,
    work: (connection: Connection, limit: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const limit = timeLimit(ask.signal, CONNECT_TIMEOUT_MS + PROBE_STATEMENT_MS);
    return budget
      .use(
        limit,
        async (connection) => {
          // Not awaited first: both go out together, and on a starved server each round trip waits for a CPU.
          const renamed = connection.rename(applicationName(ask.probe), limit);
          renamed.catch(() => undefined); // awaited below, after what can fail first
          const answer = await work(connection, limit);
          await renamed;
          return answer;
        },
        PATIENT.has(ask.probe),
      )
      .catch((error: unknown) => {
        if (error instanceof BotError) throw error;
        // Only the wait for a free connection of the budget ends with the bare reason of the signal.
        const words = 'PostgreSQL kept both connections of the probes waiting until the time was up';
        throw new BotError('target-timeout', words, { cause: error });
      });
  }

  const look = <Row extends QueryResultRow>(ask: Ask): Promise<Row[]> =>
    lend(ask, (connection, limit) => connection.query<Row>(ask.sql, ask.values ?? [], limit));

  const openAction = (signal: AbortSignal, settings = ACT_SETTINGS, grant = 'pg_signal_backend') => {
    if (config.actionUrl) return openActionConnection(config.actionUrl, settings, grant, signal);
    const remedy = 'the bot only looks at this service: set targets.postgres.actionUrl to let it act';
    return Promise.reject(new BotError('not-configured', remedy));
  };
  const act: PostgresTarget['act'] = async (ask) => {
    const connection = await openAction(ask.signal);
    try {
      return await connection.query(ask.sql, ask.values ?? [], ask.signal);
    } finally {
      await connection.shut();
    }
  };

  return {
    canAct: config.actionUrl !== undefined,
    actionRole:
      config.actionUrl === undefined ? null : decodeURIComponent(new URL(config.actionUrl).username),
    open() {
      const ping = (signal: AbortSignal) => look({ probe: 'warm', sql: 'select 1', signal, always: true });
      warm ??= keepWarm('PostgreSQL', ping, log);
    },
    query: (ask) => (ask.always ? look(ask) : circuit.run(() => look(ask))),
    session: (ask, work) =>
      circuit.run(() => lend(ask, (connection, limit) => inTransaction(connection, limit, work))),
    act,
    maintain: (ask, work) =>
      maintenance(({ settings, grant }, signal) => openAction(signal, settings, grant), ask, work),
    examine: (signal) =>
      examinePostgres({
        query: look,
        ...(config.actionUrl && { act }),
        ownerRole: config.ownerRole,
        suspects: config.suspects,
        signal,
      }),
    async close() {
      warm?.stop();
      await budget.close();
    },
  };
}

async function inTransaction<T>(
  connection: Connection,
  limit: AbortSignal,
  work: (query: SessionQuery) => Promise<T>,
): Promise<T> {
  await connection.query('begin read only', [], limit);
  try {
    return await work((sql, values = []) => connection.query(sql, values, limit));
  } finally {
    if (!connection.broken()) await connection.query('rollback', [], limit);
  }
}

async function openProbeConnection(
  url: string,
  signal: AbortSignal,
  onLost: () => void,
): Promise<Connection> {
  const connection = await connect(
    {
      url,
      settings: PROBE_SETTINGS,
      applicationName: 'latency-bot',
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      grant: 'pg_monitor',
    },
    signal,
    onLost,
  );
  try {
    // Without this right every session looks idle: "nothing found" would be a lie.
    const [row] = await connection.query<{ sees: boolean }>(SEES_ALL_STATS, [], signal);
    if (row?.sees) return connection;
    throw new BotError('target-permission', `permission denied: grant pg_monitor to ${connection.role}`, {
      cause: BLIND,
    });
  } catch (error) {
    await connection.shut();
    throw error;
  }
}

function openActionConnection(
  url: string,
  settings: Record<string, string | number>,
  grant: string,
  signal: AbortSignal,
): Promise<Connection> {
  return connect(
    {
      url,
      settings: { ...ACT_SETTINGS, ...settings },
      applicationName: 'latency-bot:act',
      connectTimeoutMs: CONNECT_TIMEOUT_MS * 2,
      grant,
    },
    signal,
  );
}

function applicationName(probe: string): string {
  return `latency-bot:${probe}`.slice(0, APPLICATION_NAME_BYTES);
}
