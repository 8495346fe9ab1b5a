/** What the master is started with, as JSON in the environment: argv would show the password in `ps`. */
export interface ApiConfig {
  databaseUrl: string;
  /** Null where DebtFlow runs without Redis. */
  redisUrl: string | null;
  /** The payment processor's; null when nobody started one. */
  gatewayUrl: string | null;
  workers: number;
  /** A worker busy with one request for longer is killed, as Gunicorn's `timeout`. */
  timeoutMs: number;
  /** A database connection older than this is replaced before the next request, as Django's CONN_MAX_AGE. */
  connMaxAgeMs: number;
  workerScript: string;
  pidFile: string;
  logFile: string;
}

/** The environment variable that carries an `ApiConfig`, and the descriptor of the inherited listening socket. */
export const CONFIG_VARIABLE = 'DEBTFLOW_CONFIG';
export const LISTEN_FD = 4;
export const BACKLOG = 128;

/** What a deploy may have changed in the code. */
export interface Switches {
  /** The account list asks for the relations of every row, one query each. */
  nPlusOne: boolean;
}

/** One answered request, as the worker tells the master. */
export interface Answered {
  type: 'answered';
  view: string;
  method: string;
  status: number;
  /** Inside the view, and with everything around it: neither sees the time in the listen queue. */
  viewSeconds: number;
  totalSeconds: number;
  querySeconds: number[];
  newConnections: number;
  accessLine: string;
  error: string | null;
}

/** From a worker to its master. */
export type WorkerMessage =
  | { type: 'idle' }
  | { type: 'accepted' }
  | { type: 'requested'; view: string; method: string }
  | Answered;

/** From the master to a worker; `listen` carries the listening socket. */
export type MasterMessage = { type: 'listen' } | { type: 'quit' } | SwitchMessage;

/** From whoever started the master to it, and from there to every worker. */
export type SwitchMessage = { type: 'switch'; switches: Switches };

/** From the master to whoever started it. */
export type ReadyMessage = { type: 'ready'; metricsPort: number };
