interface Prevention {
  words: string;
  /** Causes that it keeps from coming back. */
  causes: readonly string[];
}

/** The runbook's list of what prevents slow spells, each with the causes that it is about. */
export const PREVENTION: readonly Prevention[] = [
  {
    words:
      'Enable pg_stat_statements in production, and alert on statements with a mean execution time above 100 ms.',
    causes: ['long-running-query', 'missing-index', 'plan-regression', 'sort-spill', 'stale-stats-bloat'],
  },
  { words: 'Add nplusone or django-query-inspector to the staging environment.', causes: ['n-plus-one'] },
  {
    words: 'Run load tests against staging with realistic data volumes.',
    causes: [
      'missing-index',
      'plan-regression',
      'n-plus-one',
      'sort-spill',
      'traffic-spike',
      'gunicorn-starvation',
    ],
  },
  {
    words: 'Review new migrations for queries that need indexes before each release.',
    causes: ['missing-index', 'lock-queue-ddl', 'plan-regression'],
  },
  {
    words: 'Put PgBouncer in front of PostgreSQL, with CONN_MAX_AGE = 0 in Django under transaction pooling.',
    causes: ['connection-exhaustion', 'pool-starvation', 'connection-churn'],
  },
  {
    words: 'Give Celery workers a database connection pool of their own.',
    causes: [
      'celery-contention',
      'celery-backlog',
      'pool-starvation',
      'connection-exhaustion',
      'lock-idle-in-tx',
    ],
  },
  {
    words: 'Review the performance dashboard of Sentry weekly.',
    causes: ['n-plus-one', 'downstream-api-slow', 'plan-regression', 'long-running-query'],
  },
  {
    words: 'Make sure that no endpoint bypasses pagination on large tables.',
    causes: ['long-running-query', 'sort-spill', 'n-plus-one', 'memory-swap-oom', 'io-saturation'],
  },
  {
    words: 'Route heavy analytics queries to a read replica.',
    causes: [
      'io-saturation',
      'cpu-saturation-db',
      'long-running-query',
      'replication-backup-load',
      'sort-spill',
    ],
  },
];

/** What the runbook says prevents this cause. */
export function preventionOf(causeId: string): string[] {
  return PREVENTION.filter(({ causes }) => causes.includes(causeId)).map(({ words }) => words);
}
