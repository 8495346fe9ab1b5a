import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { createTestDatabase, type TestDatabase } from '../helpers/test-database.ts';
import { childrenOf } from '../sandbox/debtflow/processes.ts';
import { type GunicornServer, startGunicorn } from './gunicorn.ts';
import { startNodeExporter } from './node-exporter.ts';
import { startPgBouncer } from './pgbouncer.ts';
import { startPostgres15 } from './postgres-15.ts';
import { type PrometheusServer, startPrometheus } from './prometheus.ts';
import { startRedis } from './redis-server.ts';
import { startSshd } from './sshd.ts';
import { startLoad } from './stack-load.ts';

export type StackServer = 'postgres' | 'pgbouncer' | 'redis' | 'sshd' | 'gunicorn' | 'prometheus';

/** A small DebtFlow as it runs in production, server by server, under load. */
export interface Stack {
  /** Targets of the configuration file, with the latency from one of its two sources. */
  targets(metrics: 'metrics' | 'prometheus'): Record<string, unknown>;
  prometheus: PrometheusServer;
  /** SIGSTOP accepts and never answers; SIGCONT goes on. */
  signal(name: NodeJS.Signals, servers: readonly StackServer[]): void;
  /** Requests that were answered so far. */
  answered(): number;
  stop(): Promise<void>;
}

const SUSPECTS = {
  'Account list': 'select id, status from accounts where agency_id = $1 order by id desc limit 20',
};

type Stop = () => Promise<unknown>;

/** Starts all of it; what was started before a step that goes wrong is stopped again. */
export async function startStack(): Promise<Stack> {
  const stops: Stop[] = [];
  const stop = async () => {
    for (const one of stops.splice(0).reverse()) await one();
  };
  try {
    return { ...(await startAll(stops)), stop };
  } catch (error) {
    await stop().catch(() => undefined); // the first failure is the one to report
    throw error;
  }
}

async function startAll(stops: Stop[]): Promise<Omit<Stack, 'stop'>> {
  function kept<T extends { stop: Stop }>(server: T): T {
    stops.push(server.stop);
    return server;
  }
  const multiprocDir = await mkdtemp(join(tmpdir(), 'latency-bot-multiproc-'));
  stops.push(() => rm(multiprocDir, { recursive: true, force: true }));
  const [postgres, redis, sshd] = await Promise.all([
    startPostgres15().then(kept),
    startRedis({ 'latency-monitor-threshold': 1 }).then(kept),
    startSshd().then(kept),
  ]);
  const database = await createTestDatabase(postgres.url);
  stops.push(database.close);
  await fill(database);
  const [redisUrl, redisProbeUrl] = await prepareRedis(redis.freshUrl());
  const pgbouncer = kept(await startPgBouncer(database.appUrl));
  const gunicorn = kept(
    await startGunicorn({
      app: 'debtflow_app:app',
      workers: 4,
      firstPath: '/accounts',
      env: { DATABASE_URL: pgbouncer.url, REDIS_URL: redisUrl, PROMETHEUS_MULTIPROC_DIR: multiprocDir },
    }),
  );
  await sshd.configure([`PIDFILE=${gunicorn.pidFile}`, `LOGFILE=${gunicorn.logFile}`]);
  const exporter = kept(await startNodeExporter());
  const prometheus = kept(await startPrometheus({ 'debtflow-api': gunicorn.port, node: exporter.port }));
  const load = kept(startLoad(gunicorn.url, redisUrl));
  const { host, port, user, keyFile, knownHostsFile } = sshd;
  const source = {
    metrics: { url: `${gunicorn.url}/metrics` },
    prometheus: { url: prometheus.url, selector: 'job="debtflow-api"' },
  };
  const servers = { postgres, pgbouncer, redis, sshd, prometheus, gunicorn: wholeOf(gunicorn) };
  return {
    targets: (metrics) => ({
      postgres: { url: database.probeUrl, applicationRoles: [database.appRole], suspects: SUSPECTS },
      [metrics]: source[metrics],
      pgbouncer: { url: pgbouncer.statsUrl },
      redis: { url: redisProbeUrl },
      host: { ssh: { host, port, user, keyFile, knownHostsFile }, runsPostgres: true },
    }),
    prometheus,
    signal(name, wanted) {
      for (const server of wanted) servers[server].signal(name);
    },
    answered: load.answered,
  };
}

/** Its master does not answer requests; its workers do. */
function wholeOf(gunicorn: GunicornServer): { signal(name: NodeJS.Signals): void } {
  return {
    signal(name) {
      gunicorn.signal(name);
      for (const { pid } of childrenOf(gunicorn.masterPid)) process.kill(pid, name);
    },
  };
}

/** What docs/permissions.md asks for, and 5,000 accounts. */
async function fill(database: TestDatabase): Promise<void> {
  const probeRole = new URL(database.probeUrl).username;
  await database.query('create extension pg_stat_statements');
  await database.query('create extension hypopg');
  await database.query('alter system set track_io_timing = on');
  await database.query('select pg_reload_conf()');
  await database.query(`create table accounts
    (id int primary key, agency_id int not null, status text not null, balance int not null default 0)`);
  await database.query(
    "insert into accounts select i, i % 40, case when i % 3 = 0 then 'new' else 'assigned' end from generate_series(0, 4999) i",
  );
  await database.query('create index on accounts (agency_id, id)');
  await database.query('analyze accounts');
  await database.query(`grant select, insert, update on accounts to ${database.appRole}`);
  await database.query(`grant select on accounts to ${probeRole}`);
}

/** The user of docs/permissions.md, and something slow for LATENCY LATEST. */
async function prepareRedis(url: string): Promise<[app: string, probe: string]> {
  const admin = new Redis(url);
  const rights =
    'reset on >secret resetchannels -@all +ping +info +slowlog|get +slowlog|len +latency|latest +client|list +client|setname +select +llen +hlen +zcard +memory|usage +lrange +lindex +zrange ~celery* ~unacked*';
  await admin.call('ACL', 'SETUSER', 'latency_probe', ...rights.split(' '));
  await admin.eval('for i = 1, 2000000 do end', 0);
  admin.disconnect();
  return [url, url.replace('redis://', 'redis://latency_probe:secret@')];
}
