import type { NamedService } from '../config/schema.ts';
import { type HostTarget, openHost } from './host.ts';
import type { Log } from './log.ts';
import { openMetricsEndpoint } from './metrics-endpoint.ts';
import type { MetricsSource } from './metrics-source.ts';
import { type NodeExporterTarget, openNodeExporter } from './node-exporter.ts';
import { openPgBouncer, type PgBouncerTarget } from './pgbouncer.ts';
import { openPostgres, type PostgresTarget } from './postgres.ts';
import { openPrometheus } from './prometheus.ts';
import { openRedis, type RedisTarget } from './redis.ts';
import { keepWarm, type Warm } from './warm.ts';

/** The clients of one diagnosed service; what is not configured is not there. */
export interface Targets {
  postgres?: PostgresTarget;
  metrics?: MetricsSource;
  pgbouncer?: PgBouncerTarget;
  redis?: RedisTarget;
  /** Where Gunicorn runs. */
  host?: HostTarget;
  /** Where PostgreSQL runs, when that is another machine. */
  databaseHost?: HostTarget;
  /** The same machines as Prometheus knows them. */
  nodeExporter?: NodeExporterTarget;
}

/** What people call a target. */
export const TARGET_TITLES: Record<keyof Targets, string> = {
  postgres: 'PostgreSQL',
  metrics: 'metrics of the API',
  pgbouncer: 'PgBouncer',
  redis: 'Redis',
  host: 'host of the API',
  databaseHost: 'host of the database',
  nodeExporter: 'node_exporter in Prometheus',
};

/** Where a target is configured: at its own name, except for this one. */
export function settingOf(name: keyof Targets): string {
  return name === 'nodeExporter' ? 'targets.prometheus.nodeSelector' : `targets.${name}`;
}

export interface OpenTargets extends Targets {
  /** For a process that stays: opens the connections that are kept, and begins the latency history. */
  start(): void;
  close(): Promise<void>;
}

/** Makes the clients of a service; nothing is connected before `start()` or the first use. */
export function openTargets(service: NamedService, log?: Log): OpenTargets {
  const { postgres, metrics, prometheus, pgbouncer, redis, host, databaseHost } = service.targets;
  const nodeExporter = prometheus && openNodeExporter(prometheus);
  const clients: Targets = {
    ...(postgres && { postgres: openPostgres(postgres, log) }),
    ...(prometheus
      ? { metrics: openPrometheus(prometheus) }
      : metrics && { metrics: openMetricsEndpoint(metrics, log) }),
    ...(pgbouncer && { pgbouncer: openPgBouncer(pgbouncer, log) }),
    ...(redis && { redis: openRedis(redis, log) }),
    ...(host && { host: openHost(host, log) }),
    ...(databaseHost && { databaseHost: openHost(databaseHost, log, 'database') }),
    ...(nodeExporter && { nodeExporter }),
  };
  const warm: Warm[] = [];
  return {
    ...clients,
    start() {
      const { postgres, metrics, pgbouncer, redis, host, databaseHost } = clients;
      postgres?.open();
      metrics?.startHistory();
      if (pgbouncer) warm.push(keepWarm('PgBouncer', (signal) => pgbouncer.show('VERSION', signal), log));
      if (redis) warm.push(keepWarm('Redis', (signal) => redis.call(['PING'], signal), log));
      for (const one of [host, databaseHost]) {
        if (one?.isRemote) warm.push(keepWarm(one.title, (signal) => one.look('resources', signal), log));
      }
    },
    async close() {
      for (const one of warm) one.stop();
      clients.metrics?.close();
      await Promise.all([
        clients.postgres?.close(),
        clients.pgbouncer?.close(),
        clients.redis?.close(),
        clients.host?.close(),
        clients.databaseHost?.close(),
      ]);
    },
  };
}
