/** Everything that a probe may need of a target, as `latency-bot doctor` checks it. */
export const REQUIREMENTS = {
  'postgres:reachable': 'PostgreSQL lets the probes in',
  'postgres:read-all-stats': 'the role of the probes sees every session (pg_monitor)',
  'postgres:reserved-slots': 'the role of the probes gets in when all slots are taken',
  'postgres:pg-stat-statements': 'pg_stat_statements is loaded, created in this database and readable',
  'postgres:query-id': 'sessions carry their query id (PostgreSQL 14, compute_query_id)',
  'postgres:io-timing': 'I/O is timed (track_io_timing)',
  'postgres:explain': 'the tables of the suspects may be explained (SELECT on them)',
  'postgres:hypopg': 'hypopg is created in this database: an index can be tried without being built',
  'postgres:act': 'approved actions have a role that may signal sessions (pg_signal_backend)',
  'postgres:own': 'approved actions may become the owner of the tables (targets.postgres.ownerRole)',
  'metrics:reachable': 'the metrics of the API answer',
  'metrics:by-view': 'the metrics tell views apart (django_prometheus)',
  'pgbouncer:reachable': 'the admin console of PgBouncer lets the probe in (stats_users)',
  'pgbouncer:act': 'approved actions have a user that may RESUME and RECONNECT (admin_users)',
  'redis:reachable': 'Redis answers PING',
  'redis:info': 'INFO and its command statistics are allowed',
  'redis:slowlog': 'SLOWLOG GET is allowed',
  'redis:latency': 'LATENCY LATEST is allowed and latency-monitor-threshold is set',
  'redis:clients': 'CLIENT LIST is allowed',
  'redis:queues': 'the queues of Celery may be counted (LLEN)',
  'redis:messages': 'names and ages of waiting Celery tasks may be read (LRANGE, ZRANGE)',
  'host:reachable': 'the host of the API answers',
  'host:pressure': 'the kernel reports pressure (/proc/pressure)',
  'host:gunicorn': 'the pid file of Gunicorn names a running master',
  'host:act': 'approved actions may signal the master of Gunicorn (targets.host.actions)',
  'host:log': 'the log of the API can be read',
  'nodeExporter:reachable': 'Prometheus has node_exporter of the machines, scraped at least every minute',
} as const;

export type RequirementId = keyof typeof REQUIREMENTS;

/** What examining a target found out about one requirement. */
export interface Examined {
  id: RequirementId;
  /** Null when it could not be told, for example behind another one that is not met. */
  met: boolean | null;
  /** What was seen: "PostgreSQL 18.4 as latency_probe". */
  words: string;
  /** The exact statement or setting that would help; null when nothing has to be done. */
  remedy: string | null;
}

/** A target that can say what the probes will be able to see. Never throws: what failed is an answer. */
export interface Examinable {
  examine(signal: AbortSignal): Promise<Examined[]>;
}
