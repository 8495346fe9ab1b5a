import { join } from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from '../../src/embedded-postgres/embedded-postgres.ts';
import { createRoles, MOST_REPORT_WORKERS } from './roles.ts';
import { seed } from './seed.ts';

/** DebtFlow's database, with a connection string for everybody who uses it. */
export interface Database {
  /** A superuser: for faults and tests. */
  url: string;
  apiUrl: string;
  celeryUrl: string;
  reportUrl: string;
  /** Owns the tables, as the role of a deploy's migrations does. */
  migrateUrl: string;
  /** The back office's scripts. */
  adminUrl: string;
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
  max_worker_processes: MOST_REPORT_WORKERS + 8,
  max_parallel_workers: MOST_REPORT_WORKERS,
  // Only the reporting role turns parallel query on: the API's statements stay in one process each.
  max_parallel_workers_per_gather: 0,
  wal_level: 'minimal',
  max_wal_senders: 0,
  jit: 'off',
  // Statements that time out behind a fault would fill the server's log.
  log_min_messages: 'fatal',
};

/**
 * A stand-in whose data can be made again in seconds does without a disk. Set at each start in the server's own
 * configuration, since what stands on its command line could not be changed by a fault.
 */
export const DISKLESS = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_wal_size: '2GB',
  checkpoint_flush_after: '256kB',
  checkpoint_completion_target: '0.9',
} as const;

/** Changes settings of the whole server that a reload is enough for. */
export async function alterSystem(url: string, settings: Record<string, string>): Promise<void> {
  const client = new pg.Client({ connectionString: url, application_name: 'debtflow-migrate' });
  await client.connect();
  try {
    for (const [name, value] of Object.entries(settings)) {
      await client.query(`alter system set ${name} = ${client.escapeLiteral(value)}`);
    }
    await client.query('select pg_reload_conf()');
  } finally {
    await client.end();
  }
}

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
    await alterSystem(server.url, DISKLESS);
    const { seeded } = await seed(server.url, size, progress);
    const urls = await createRoles(server.url);
    const urlOf = (name: string) => urls.get(name) as string;
    return {
      url: server.url,
      apiUrl: urlOf('debtflow_api'),
      celeryUrl: urlOf('debtflow_celery'),
      reportUrl: urlOf('debtflow_report'),
      migrateUrl: urlOf('debtflow_migrate'),
      adminUrl: urlOf('debtflow_admin'),
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
