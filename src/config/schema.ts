import { z } from 'zod';
import { Alerts } from './alerts.ts';
import { ApprovalPolicy } from './approvals.ts';
import { DATABASE_CHANGES, OwnerRole } from './database-changes.ts';
import { IncidentLife } from './incident-life.ts';
import { Thresholds } from './thresholds.ts';
import { duration, SlackChannel, Url } from './values.ts';

/** Every kind that there is; a switch that keeps an action off must not be mistyped in silence. */
export const MITIGATION_KINDS: readonly string[] = [
  'cancel-query',
  'terminate-backend',
  'create-index',
  'drop-index',
  'analyze',
  'vacuum-analyze',
  'brake-role',
  'release-role',
  'add-workers',
  'remove-workers',
  'pgbouncer-resume',
  'pgbouncer-reconnect',
];
const MitigationKind = z
  .string()
  .refine((kind) => MITIGATION_KINDS.includes(kind), { error: `expected ${MITIGATION_KINDS.join(' or ')}` });

export const PostgresTarget = z
  .strictObject({
    url: Url(['postgres', 'postgresql'], 'a PostgreSQL URL').describe(
      'Connection of the probes: a role with pg_monitor and nothing more, straight to PostgreSQL, not through PgBouncer.',
    ),
    actionUrl: Url(['postgres', 'postgresql'], 'a PostgreSQL URL')
      .optional()
      .describe(
        'Connection of approved actions: a role with pg_signal_backend. Without it the bot only looks.',
      ),
    ownerRole: OwnerRole,
    applicationRoles: z
      .array(z.string())
      .default([])
      .describe(
        'Roles of the API itself. Sessions of these roles count as requests in flight; empty means every role.',
      ),
    suspects: z
      .record(z.string().min(1).max(40), z.string().min(1).max(4_000))
      .default({})
      .describe(
        'Statements that are explained in every run, by name: a SELECT with $1, $2 … in place of its values (runbook, step 4).',
      ),
  })
  .describe('The PostgreSQL that the API uses.');

export const MetricsTarget = z
  .strictObject({
    url: Url(['http', 'https'], 'the URL of a /metrics page').describe('A django_prometheus /metrics page.'),
    timeout: duration('2s', 100, 10_000).describe('How long one scrape may take.'),
  })
  .describe('Two scrapes of /metrics, where there is no Prometheus server.');

const Matchers = z
  .string()
  .regex(/^[^{}]*$/, 'expected label matchers without braces, such as job="debtflow-api"');
const OneMachine = Matchers.min(1, 'expected label matchers that select one machine');

export const PrometheusTarget = z
  .strictObject({
    url: Url(['http', 'https'], 'the URL of a Prometheus server').describe(
      'Base URL of the Prometheus server.',
    ),
    selector: Matchers.default('').describe('Label matchers that pick this API out of the scraped targets.'),
    nodeSelector: OneMachine.optional().describe(
      'Label matchers of the node_exporter on the machine of Gunicorn, which is asked where `targets.host` is not set or does not answer.',
    ),
    databaseNodeSelector: OneMachine.optional().describe(
      'The same for the machine of PostgreSQL. Equal to `nodeSelector` when it is the same machine.',
    ),
    bearerToken: z.string().optional().describe('Sent as Authorization: Bearer.'),
    timeout: duration('2s', 100, 10_000).describe('How long one query may take.'),
  })
  .describe('A Prometheus server that scrapes the API. Preferred over `metrics` when both are given.');

export const PgBouncerTarget = z
  .strictObject({
    url: Url(['postgres', 'postgresql'], 'a PostgreSQL URL').describe(
      'Admin console of PgBouncer (database `pgbouncer`) as a role of stats_users.',
    ),
    adminUrl: Url(['postgres', 'postgresql'], 'a PostgreSQL URL')
      .optional()
      .describe(
        'The same console as a role of admin_users, for approved actions alone. Without it the bot only looks at PgBouncer.',
      ),
    timeout: duration('1500ms', 100, 10_000).describe('How long one SHOW may take.'),
  })
  .describe('The PgBouncer between the API and PostgreSQL.');

export const RedisTarget = z
  .strictObject({
    url: Url(['redis', 'rediss'], 'a Redis URL').describe(
      "The application's Redis: cache, circuit breaker, Celery broker. The bot only looks at it.",
    ),
    queues: z
      .array(z.string().min(1).max(100))
      .max(20)
      .default(['celery'])
      .describe('Queues of Celery, which are Redis lists, to count.'),
    timeout: duration('1500ms', 100, 10_000).describe('How long one command may take.'),
  })
  .describe('The Redis that the API and Celery use.');

const AbsolutePath = z.string().regex(/^\/[\w.@:/-]*$/, 'expected an absolute path without spaces');

const LocalHost = z
  .strictObject({
    pidFile: AbsolutePath.optional().describe('Pid file of the Gunicorn master.'),
    logFile: AbsolutePath.optional().describe('Log file of the API, when it does not log to the journal.'),
    unit: z
      .string()
      .regex(/^[\w.@-]+$/, 'expected the name of a systemd unit')
      .optional()
      .describe('systemd unit whose journal is the log of the API.'),
  })
  .describe('The machine that the bot runs on.');

const SshHost = z
  .strictObject({
    host: z
      .string()
      .regex(/^[\w.:-]+$/, 'expected a host name or address')
      .describe('Where sshd listens.'),
    port: z.int().min(1).max(65_535).default(22).describe('Its port.'),
    user: z
      .string()
      .regex(/^[a-z_][\w-]*$/, 'expected a user name')
      .describe('User whose key is bound to the forced command.'),
    keyFile: AbsolutePath.describe('Private key; only its owner may read it.'),
    knownHostsFile: AbsolutePath.describe('The pinned host keys; an unknown host is refused.'),
  })
  .describe(
    'Another machine, reached by OpenSSH with the forced command of docs/permissions.md. Paths and units stand there, not here.',
  );

export const HostTarget = z
  .strictObject({
    local: LocalHost.optional(),
    ssh: SshHost.optional(),
    runsPostgres: z.boolean().default(false).describe('Whether PostgreSQL runs on this machine too.'),
    actions: z
      .boolean()
      .default(false)
      .describe(
        'Whether approved actions may signal the Gunicorn master there. Another machine has to allow it too: ACTIONS=yes in its /etc/latency-bot-host.conf.',
      ),
    timeout: duration('1500ms', 100, 10_000).describe('How long one look may take.'),
  })
  .refine((host) => (host.local === undefined) !== (host.ssh === undefined), {
    error: 'expected either local or ssh',
  });

const limit = (most: number, standard: number) => z.int().min(0).max(most).default(standard);

/** How many changes of each sort one incident may have; 0 forbids them. */
export const MitigationLimits = z
  .strictObject({
    sessions: limit(50, 5).describe('Cancelled or terminated sessions per incident.'),
    workers: limit(50, 4).describe('Changes of the number of workers per incident.'),
    indexes: limit(20, 2).describe('Index builds and drops per incident; they run one at a time.'),
    maintenance: limit(50, 4).describe('Runs of ANALYZE or VACUUM per incident.'),
    settings: limit(20, 3).describe('Changes of settings per incident.'),
    pools: limit(20, 2).describe('Changes of connection pools per incident.'),
  })
  .prefault({});

export const Service = z.strictObject({
  title: z.string().min(1).max(80).describe('Name shown in Slack.'),
  channel: SlackChannel.describe(
    'Where an incident goes when the bot may not post in the channel where `/latency` was typed.',
  ),
  views: z
    .record(z.string(), z.string())
    .default({})
    .describe('Route name (the `view` label) to the name people know, such as account-list: AccountViewSet.'),
  window: duration('3s', 1_000, 30_000).describe('Sampling window of a run.'),
  targets: z.strictObject({
    postgres: PostgresTarget.optional(),
    metrics: MetricsTarget.optional(),
    prometheus: PrometheusTarget.optional(),
    pgbouncer: PgBouncerTarget.optional(),
    redis: RedisTarget.optional(),
    host: HostTarget.optional().describe('The machine of Gunicorn.'),
    databaseHost: HostTarget.optional().describe(
      'The machine of PostgreSQL, when it is another one that may be looked at.',
    ),
  }),
  thresholds: Thresholds,
  approvals: ApprovalPolicy,
  incidents: IncidentLife,
  mitigations: z
    .strictObject({
      disabled: z
        .array(MitigationKind)
        .default([])
        .describe('Kinds of mitigation never offered or carried out for this service.'),
      limits: MitigationLimits,
      maxPerHour: z
        .int()
        .min(0)
        .max(500)
        .default(20)
        .describe('Mitigations of all kinds together, per hour.'),
      maxWorkers: z
        .int()
        .min(1)
        .max(128)
        .optional()
        .describe(
          'Gunicorn workers that are never exceeded. Without it twice the cores plus one, as the documentation of Gunicorn recommends.',
        ),
      minWorkers: z
        .int()
        .min(1)
        .max(128)
        .default(1)
        .describe('Gunicorn workers that always stay; Gunicorn itself keeps one.'),
      ...DATABASE_CHANGES,
      neverTouchRoles: z
        .array(z.string())
        .default([])
        .describe('Database roles whose sessions are never signalled, besides superusers and replication.'),
    })
    .prefault({}),
  links: z
    .array(
      z.strictObject({
        title: z.string().min(1).max(40).describe('Words of the link.'),
        url: Url(['https', 'http'], 'a link')
          .max(500, 'expected at most 500 characters')
          .describe('Address of the link.'),
      }),
    )
    .max(5)
    .default([])
    .describe('Shown on the card: dashboard, runbook, Sentry.'),
});

export const Config = z.strictObject({
  slack: z
    .strictObject({
      botToken: z
        .string()
        .startsWith('xoxb-', 'expected a bot token (xoxb-…)')
        .optional()
        .describe('Bot token of the installed app (xoxb-…). Better in the environment than in the file.'),
      appToken: z
        .string()
        .startsWith('xapp-', 'expected an app-level token (xapp-…)')
        .optional()
        .describe('App-level token with connections:write (xapp-…), for `mode: socket`.'),
      signingSecret: z
        .string()
        .min(8, 'expected the signing secret of the app')
        .optional()
        .describe('Signing secret of the app, for `mode: http`.'),
      mode: z
        .enum(['socket', 'http'])
        .default('socket')
        .describe('How Slack reaches the bot: Socket Mode needs no public URL, http is POST /slack/events.'),
      apiUrl: Url(['http', 'https'], 'the URL of a Slack Web API')
        .default('https://slack.com/api/')
        .describe('Base URL of the Slack Web API; another one only for tests and proxies.'),
      approversCache: duration('30s', 0, 300_000).describe('How long user-group membership is kept.'),
    })
    .prefault({})
    .describe('Without a bot token the bot starts its own workspace in the browser.'),
  store: z
    .strictObject({
      databaseUrl: Url(['postgres', 'postgresql'], 'a PostgreSQL URL')
        .optional()
        .describe(
          "The bot's own database. Never the diagnosed one. Without it an embedded PostgreSQL is started.",
        ),
    })
    .prefault({}),
  queue: z
    .strictObject({
      redisUrl: Url(['redis', 'rediss'], 'a Redis URL')
        .optional()
        .describe(
          "The bot's own Redis for BullMQ. Never the application's. Without it the queue lives in the store.",
        ),
    })
    .prefault({}),
  http: z
    .strictObject({
      host: z.string().default('127.0.0.1').describe('Address to listen on.'),
      port: z
        .int()
        .min(0)
        .max(65_535)
        .default(8080)
        .describe('Port of the health checks and of Slack over HTTP.'),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z
        .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace'])
        .default('info')
        .describe('Lines below this level are not written.'),
    })
    .prefault({}),
  alerts: Alerts,
  services: z
    .record(
      z
        .string()
        .regex(
          /^[a-z0-9][a-z0-9-]{0,39}$/,
          'expected a service id in lower-case letters, digits and hyphens',
        ),
      Service,
    )
    .refine((services) => Object.keys(services).length > 0, 'expected at least one service')
    .describe('What the bot looks after, by id: the word that `/latency` takes.'),
});

export type Config = z.infer<typeof Config>;
export type ServiceConfig = z.infer<typeof Service>;
export type { ApprovalPolicyConfig } from './approvals.ts';
/** A service together with its id in the configuration. */
export type NamedService = ServiceConfig & { id: string };
