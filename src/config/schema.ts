import { z } from 'zod';

const Url = (protocols: string[], what: string) =>
  z.string().refine((text) => protocols.some((p) => text.startsWith(`${p}://`)), {
    error: `expected ${what} (${protocols.map((p) => `${p}://…`).join(' or ')})`,
  });

const SlackUser = z.string().regex(/^[UW][A-Z0-9]+$/, 'expected a Slack user id such as U012AB3CD');
const SlackUserGroup = z.string().regex(/^S[A-Z0-9]+$/, 'expected a Slack user group id such as S012AB3CD');
const SlackChannel = z.string().regex(/^[CG][A-Z0-9]+$/, 'expected a Slack channel id such as C012AB3CD');

/** `90s`, `5m`, `1h` or a number of milliseconds; read as milliseconds. */
const Duration = z
  .union([
    z.int().nonnegative(),
    z.string().regex(/^\d+(ms|s|m|h)$/, 'expected a duration such as 500ms, 30s, 5m or 1h'),
  ])
  .transform((value) => {
    if (typeof value === 'number') return value;
    const [, amount = '0', unit = 'ms'] = /^(\d+)(ms|s|m|h)$/.exec(value) ?? [];
    const scale = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[unit] ?? 1;
    return Number(amount) * scale;
  });

const duration = (fallbackMs: number, minMs: number, maxMs: number) =>
  Duration.pipe(z.int().min(minMs, `at least ${minMs} ms`).max(maxMs, `at most ${maxMs} ms`)).prefault(
    fallbackMs,
  );

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
    applicationRoles: z
      .array(z.string())
      .default([])
      .describe(
        'Roles of the API itself. Sessions of these roles count as requests in flight; empty means every role.',
      ),
  })
  .describe('The PostgreSQL that the API uses.');

export const MetricsTarget = z
  .strictObject({
    url: Url(['http', 'https'], 'the URL of a /metrics page').describe('A django_prometheus /metrics page.'),
    timeout: duration(2_000, 100, 10_000).describe('How long one scrape may take.'),
  })
  .describe('Two scrapes of /metrics, where there is no Prometheus server.');

export const PrometheusTarget = z
  .strictObject({
    url: Url(['http', 'https'], 'the URL of a Prometheus server').describe(
      'Base URL of the Prometheus server.',
    ),
    selector: z
      .string()
      .regex(/^[^{}]*$/, 'expected label matchers without braces, such as job="debtflow-api"')
      .default('')
      .describe('Label matchers that pick this API out of the scraped targets.'),
    bearerToken: z.string().optional().describe('Sent as Authorization: Bearer.'),
    timeout: duration(2_000, 100, 10_000).describe('How long one query may take.'),
  })
  .describe('A Prometheus server that scrapes the API. Preferred over `metrics` when both are given.');

/** Thresholds of the diagnosis; their sources stand beside the defaults in runbook/thresholds.ts. */
export const Thresholds = z
  .strictObject({
    baselineP95Ms: z
      .number()
      .positive()
      .default(200)
      .describe('Objective of the API: p95 in milliseconds (runbook, Symptoms).'),
    criticalP95Ms: z.number().positive().default(10_000).describe('P1 from this p95 on (runbook, Severity).'),
    criticalErrorRatio: z
      .number()
      .min(0)
      .max(1)
      .default(0.05)
      .describe('P1 from this share of 5xx on (runbook, Severity).'),
    longQueryMs: z
      .number()
      .positive()
      .default(5_000)
      .describe('An active statement older than this is long (runbook, step 2).'),
    longQueryShare: z
      .number()
      .min(0)
      .max(1)
      .default(0.2)
      .describe('Share of the database activity that a long query must hold to be a cause.'),
    lockWaitMs: z
      .number()
      .nonnegative()
      .default(1_000)
      .describe('A waiter counts once it has waited this long.'),
    connectionsCriticalRatio: z
      .number()
      .min(0)
      .max(1)
      .default(0.9)
      .describe('Used share of the connection slots that counts as exhausted.'),
    connectionsClearRatio: z
      .number()
      .min(0)
      .max(1)
      .default(0.75)
      .describe('Below this used share exhaustion is ruled out.'),
  })
  .prefault({});

export const ApprovalPolicy = z
  .strictObject({
    requesters: z
      .array(z.union([SlackUser, SlackUserGroup]))
      .default([])
      .describe(
        'Users and user groups who may ask for a mitigation. Empty: every full member of the workspace.',
      ),
    approvers: z
      .array(z.union([SlackUser, SlackUserGroup]))
      .default([])
      .describe('Users and user groups who may approve one. Empty: nobody, so the bot only looks.'),
    quorum: z.int().min(1).max(5).default(1).describe('How many different approvers are needed.'),
    requesterMayApprove: z.boolean().default(false).describe('Whether the one who asked may also approve.'),
    expiry: duration(300_000, 30_000, 3_600_000).describe('How long a request waits for its approval.'),
    executionExpiry: duration(60_000, 5_000, 600_000).describe(
      'How long an approval may wait for its execution.',
    ),
  })
  .prefault({});

export const Service = z.strictObject({
  title: z.string().min(1).max(80).describe('Name shown in Slack.'),
  channel: SlackChannel.describe(
    'Channel of incidents that an alert opens. `/latency` uses the channel it was typed in.',
  ),
  views: z
    .record(z.string(), z.string())
    .default({})
    .describe('Route name (the `view` label) to the name people know, such as account-list: AccountViewSet.'),
  window: duration(3_000, 1_000, 30_000).describe('Sampling window of a run.'),
  targets: z.strictObject({
    postgres: PostgresTarget.optional(),
    metrics: MetricsTarget.optional(),
    prometheus: PrometheusTarget.optional(),
  }),
  thresholds: Thresholds,
  approvals: ApprovalPolicy,
  mitigations: z
    .strictObject({
      disabled: z
        .array(z.string())
        .default([])
        .describe('Kinds of mitigation never offered for this service.'),
      maxKillsPerIncident: z
        .int()
        .min(0)
        .max(50)
        .default(5)
        .describe('Cancelled or terminated backends per incident.'),
      neverTouchRoles: z
        .array(z.string())
        .default([])
        .describe('Database roles whose sessions are never signalled, besides superusers and replication.'),
    })
    .prefault({}),
  links: z
    .array(z.strictObject({ title: z.string().max(40), url: Url(['https', 'http'], 'a link') }))
    .max(5)
    .default([])
    .describe('Shown on the card: dashboard, runbook, Sentry.'),
});

export const Config = z.strictObject({
  slack: z
    .strictObject({
      botToken: z.string().startsWith('xoxb-', 'expected a bot token (xoxb-…)').optional(),
      appToken: z.string().startsWith('xapp-', 'expected an app-level token (xapp-…)').optional(),
      signingSecret: z.string().min(8).optional(),
      mode: z.enum(['socket', 'http']).default('socket').describe('How Slack reaches the bot.'),
      apiUrl: Url(['http', 'https'], 'the URL of a Slack Web API').default('https://slack.com/api/'),
      approversCache: duration(30_000, 0, 300_000).describe('How long user-group membership is kept.'),
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
      port: z.int().min(0).max(65_535).default(8080),
    })
    .prefault({}),
  log: z
    .strictObject({ level: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace']).default('info') })
    .prefault({}),
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
    .refine((services) => Object.keys(services).length > 0, 'expected at least one service'),
});

export type Config = z.infer<typeof Config>;
export type ServiceConfig = z.infer<typeof Service>;
export type ThresholdConfig = z.infer<typeof Thresholds>;
export type ApprovalPolicyConfig = z.infer<typeof ApprovalPolicy>;
/** A service together with its id in the configuration. */
export type NamedService = ServiceConfig & { id: string };
