import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from '../../src/embedded-postgres/embedded-postgres.ts';
import { seed } from './seed.ts';

/** How many processes one report may use. */
export const REPORT_WORKERS = Math.min(64, 6 * availableParallelism());
/** A blocked request of the API ends with an error after this long. */
export const API_STATEMENT_TIMEOUT_MS = 1_800;

/** DebtFlow's database, with a connection string for everybody who uses it. */
export interface Database {
  /** A superuser: for faults and tests. */
  url: string;
  apiUrl: string;
  celeryUrl: string;
  reportUrl: string;
  probeUrl: string;
  actionUrl: string;
  seeded: boolean;
  stop(): Promise<void>;
}

const SETTINGS = {
  max_connections: 40,
  superuser_reserved_connections: 3,
  reserved_connections: 3,
  shared_preload_libraries: 'pg_stat_statements',
  track_io_timing: 'on',
  shared_buffers: '128MB',
  max_worker_processes: REPORT_WORKERS + 8,
  max_parallel_workers: REPORT_WORKERS,
  // Only the reporting role turns parallel query on: the API's statements stay in one process each.
  max_parallel_workers_per_gather: 0,
  max_wal_size: '2GB',
  // A stand-in whose data can be made again in seconds.
  wal_level: 'minimal',
  max_wal_senders: 0,
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  jit: 'off',
  // Statements that time out behind a fault would fill the server's log.
  log_min_messages: 'fatal',
};

interface Role {
  name: string;
  applicationName: string;
  connectionLimit?: number;
  settings?: Record<string, string>;
  grants: string[];
}

const TABLES = 'all tables in schema public';
const ROLES: Role[] = [
  {
    name: 'debtflow_api',
    applicationName: 'debtflow-api',
    settings: { statement_timeout: `${API_STATEMENT_TIMEOUT_MS}ms` },
    grants: [`select, insert, update, delete on ${TABLES}`],
  },
  {
    name: 'debtflow_celery',
    applicationName: 'debtflow-celery',
    grants: [`select, insert, update, delete on ${TABLES}`],
  },
  {
    name: 'debtflow_report',
    applicationName: 'debtflow-report',
    settings: { max_parallel_workers_per_gather: String(REPORT_WORKERS), work_mem: '16MB' },
    grants: [`select on ${TABLES}`],
  },
  {
    name: 'latency_probe',
    applicationName: 'latency-bot',
    connectionLimit: 4,
    settings: {
      default_transaction_read_only: 'on',
      statement_timeout: '2s',
      lock_timeout: '200ms',
      idle_in_transaction_session_timeout: '5s',
    },
    grants: ['pg_monitor', 'pg_use_reserved_connections'],
  },
  {
    name: 'latency_fixer',
    applicationName: 'latency-bot',
    connectionLimit: 2,
    grants: ['pg_monitor', 'pg_signal_backend', 'pg_use_reserved_connections'],
  },
];

/** Starts DebtFlow's cluster in `<stateDir>/debtflow-db`, fills it when it is empty, and makes its roles. */
export async function startDatabase(
  stateDir: string,
  size: 'full' | 'small',
  progress: (step: string, detail?: string) => void,
): Promise<Database> {
  progress('database');
  const server = await startEmbeddedPostgres({
    dataDir: join(stateDir, 'debtflow-db'),
    database: 'debtflow',
    settings: SETTINGS,
  });
  try {
    const { seeded } = await seed(server.url, size, progress);
    const urls = await createRoles(server.url);
    const urlOf = (name: string) => urls.get(name) as string;
    return {
      url: server.url,
      apiUrl: urlOf('debtflow_api'),
      celeryUrl: urlOf('debtflow_celery'),
      reportUrl: urlOf('debtflow_report'),
      probeUrl: urlOf('latency_probe'),
      actionUrl: urlOf('latency_fixer'),
      seeded,
      stop: server.stop,
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** Makes or updates every role with a new password; the connection strings exist in this process alone. */
async function createRoles(url: string): Promise<Map<string, string>> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const urls = new Map<string, string>();
  try {
    await client.query('create extension if not exists pg_stat_statements');
    // The planner would allow a table of this size two or three.
    await client.query(`alter table accounts_activity set (parallel_workers = ${REPORT_WORKERS})`);
    const { rows } = await client.query<{ rolname: string }>('select rolname from pg_roles');
    const existing = new Set(rows.map((row) => row.rolname));
    for (const role of ROLES) {
      const password = randomBytes(18).toString('hex');
      const verb = existing.has(role.name) ? 'alter' : 'create';
      const limit = role.connectionLimit ?? -1;
      await client.query(
        `${verb} role ${role.name} login password ${client.escapeLiteral(password)} connection limit ${limit}`,
      );
      const settings = { application_name: role.applicationName, ...role.settings };
      for (const [name, value] of Object.entries(settings)) {
        await client.query(`alter role ${role.name} set ${name} = ${client.escapeLiteral(value)}`);
      }
      for (const grant of role.grants) await client.query(`grant ${grant} to ${role.name}`);
      const own = new URL(url);
      own.username = role.name;
      own.password = password;
      urls.set(role.name, own.href);
    }
    return urls;
  } finally {
    await client.end();
  }
}
