import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import pg from 'pg';
import { freePort } from '../../../src/embedded-postgres/embedded-postgres.ts';
import { findProgram } from './find-program.ts';
import { startGuarded } from './guarded.ts';

/** Server connections for the API's role: one for each of its eight workers, and room for two more. */
export const POOL_SIZE = 10;

/** DebtFlow's PgBouncer, in transaction pooling. */
export interface PgBouncerServer {
  /** The API's way to the database. */
  apiUrl: string;
  /** The admin console, as a role of stats_users: it may SHOW. */
  probeUrl: string;
  /** The admin console, as the role of admin_users that approved acts have. */
  actionUrl: string;
  /** The admin console, as a role that may PAUSE: for faults. */
  adminUrl: string;
  stop(): Promise<void>;
}

const ANSWER_DEADLINE_MS = 1_000;

/** Starts a private PgBouncer before the database of `apiUrl`; null where there is none on this machine. */
export async function startPgBouncer(stateDir: string, apiUrl: string): Promise<PgBouncerServer | null> {
  const program = findProgram('pgbouncer');
  if (!program) return null;
  const dir = join(stateDir, 'pgbouncer');
  const port = await freePort();
  const probePassword = randomBytes(18).toString('hex');
  const actionPassword = randomBytes(18).toString('hex');
  const adminPassword = randomBytes(18).toString('hex');
  const api = new URL(apiUrl);
  const database = api.pathname.slice(1);
  const own = (user: string, password: string, name: string) =>
    `postgres://${user}:${password}@127.0.0.1:${port}/${name}`;
  const probeUrl = own('latency_probe', probePassword, 'pgbouncer');

  const server = await startGuarded({
    program,
    dir,
    files: {
      'users.txt': [
        `"${api.username}" "${api.password}"`,
        `"latency_probe" "${probePassword}"`,
        `"latency_fixer" "${actionPassword}"`,
        `"debtflow_dba" "${adminPassword}"`,
        '',
      ].join('\n'),
      'pgbouncer.ini': settings(
        dir,
        port,
        `${database} = host=127.0.0.1 port=${api.port} dbname=${database}`,
      ),
    },
    args: ['-q', join(dir, 'pgbouncer.ini')],
    answers: () => showVersion(probeUrl),
  });
  return {
    apiUrl: own(api.username, api.password, database),
    probeUrl,
    actionUrl: own('latency_fixer', actionPassword, 'pgbouncer'),
    adminUrl: own('debtflow_dba', adminPassword, 'pgbouncer'),
    stop: server.stop,
  };
}

function settings(dir: string, port: number, database: string): string {
  return `[databases]
${database}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
logfile = ${join(dir, 'pgbouncer.log')}
log_connections = 0
log_disconnections = 0
auth_type = scram-sha-256
auth_file = ${join(dir, 'users.txt')}
stats_users = latency_probe
admin_users = debtflow_dba, latency_fixer
pool_mode = transaction
default_pool_size = ${POOL_SIZE}
max_client_conn = 200
query_wait_timeout = 5
; connections come and go as they would in a day, so that a full PostgreSQL is felt within seconds
server_lifetime = 5
server_login_retry = 1
`;
}

async function showVersion(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: ANSWER_DEADLINE_MS });
  client.on('error', () => undefined); // connect() and query() reject with it
  try {
    await client.connect();
    await client.query('SHOW VERSION');
  } finally {
    await client.end();
  }
}
