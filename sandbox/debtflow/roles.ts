import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import pg from 'pg';

/** How many processes one report may use: the first, or more where that does not slow the API down. */
export const REPORT_WORKERS = [3, 4, 6].map((perCore) => Math.min(64, perCore * availableParallelism()));
export const MOST_REPORT_WORKERS = Math.max(...REPORT_WORKERS);
/** A blocked request of the API ends with an error after this long. */
const API_STATEMENT_TIMEOUT_MS = 1_800;

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
    settings: { max_parallel_workers_per_gather: String(MOST_REPORT_WORKERS), work_mem: '16MB' },
    grants: [`select on ${TABLES}`],
  },
  {
    name: 'debtflow_migrate',
    applicationName: 'debtflow-migrate',
    grants: ['create, usage on schema public'],
  },
  {
    name: 'debtflow_admin',
    applicationName: 'debtflow-admin',
    grants: [`select, insert, update, delete on ${TABLES}`],
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
    // SELECT, because explaining a statement takes the right to run it.
    grants: ['pg_monitor', 'pg_use_reserved_connections', `select on ${TABLES}`],
  },
  {
    name: 'latency_fixer',
    applicationName: 'latency-bot',
    connectionLimit: 4,
    grants: ['pg_monitor', 'pg_signal_backend', 'pg_use_reserved_connections', `maintain on ${TABLES}`],
  },
];

/** Makes or updates every role with a new password; the connection strings exist in this process alone. */
export async function createRoles(url: string): Promise<Map<string, string>> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const urls = new Map<string, string>();
  try {
    await client.query('create extension if not exists pg_stat_statements');
    // The planner would allow a table of this size two or three.
    await client.query(`alter table accounts_activity set (parallel_workers = ${MOST_REPORT_WORKERS})`);
    const { rows } = await client.query<{ rolname: string }>('select rolname from pg_roles');
    const existing = new Set(rows.map((row) => row.rolname));
    for (const role of ROLES) {
      const password = randomBytes(18).toString('hex');
      const verb = existing.has(role.name) ? 'alter' : 'create';
      const limit = role.connectionLimit ?? -1;
      await client.query(
        `${verb} role ${role.name} login password ${client.escapeLiteral(password)} connection limit ${limit}`,
      );
      // A fault that a killed process left on may be among them.
      await client.query(`alter role ${role.name} reset all`);
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
    await giveTables(client, 'debtflow_migrate');
    // As docs/permissions.md has it: it may become the owner, for an index, and is not the owner all the time.
    await client.query('grant debtflow_migrate to latency_fixer with inherit false, set true');
    return urls;
  } finally {
    await client.end();
  }
}

/** Where they are not its already: a change of owner locks the table. */
async function giveTables(client: pg.Client, owner: string): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    "select format('%I', tablename) as name from pg_tables where schemaname = 'public' and tableowner <> $1",
    [owner],
  );
  for (const { name } of rows) await client.query(`alter table ${name} owner to ${owner}`);
}
