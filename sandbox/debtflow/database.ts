import { join } from 'node:path';
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
