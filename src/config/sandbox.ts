import { randomBytes } from 'node:crypto';
import type { AlertsConfig } from './alerts.ts';
import { parseConfig } from './load.ts';
import { type Config, HostTarget } from './schema.ts';

export interface DebtflowAddresses {
  probeUrl: string;
  actionUrl: string;
  metricsUrl: string;
  /** Null where DebtFlow runs without PgBouncer, or without Redis. */
  pgbouncerUrl: string | null;
  pgbouncerAdminUrl: string | null;
  redisUrl: string | null;
  pidFile: string;
  logFile: string;
}

/** What people call the routes; short, because a chart's label has 20 characters. */
const VIEWS = {
  'account-list': 'Account list',
  'account-detail': 'Account detail',
  'payment-list': 'Payments',
  'activity-list': 'Activities',
  'analytics-summary': 'Analytics summary',
};

/** The statements that the runbook explains first (step 4), with placeholders for their values. */
const SUSPECTS = {
  'Account list':
    'SELECT a.*, d.full_name, d.external_ref FROM accounts_account a JOIN accounts_debtor d ON a.debtor_id = d.id ' +
    'WHERE a.agency_id = $1 AND a.status IN ($2, $3) ORDER BY a.created_at DESC LIMIT 50',
  'Payment history':
    'SELECT p.* FROM payments_payment p WHERE p.account_id = $1 AND p.status = $2 ORDER BY p.created_at DESC',
};

/** The configuration of a start without any: the sandbox's DebtFlow, and its three users. */
export function sandboxServices(debtflow: DebtflowAddresses): unknown {
  return {
    'debtflow-api': {
      title: 'DebtFlow API',
      channel: 'CINCIDENTS',
      views: VIEWS,
      targets: {
        postgres: {
          url: debtflow.probeUrl,
          actionUrl: debtflow.actionUrl,
          ownerRole: 'debtflow_migrate',
          applicationRoles: ['debtflow_api'],
          suspects: SUSPECTS,
        },
        metrics: { url: debtflow.metricsUrl },
        ...sandboxPgBouncer(debtflow),
        ...(debtflow.redisUrl === null ? {} : { redis: { url: debtflow.redisUrl } }),
        ...sandboxHost(debtflow),
      },
      approvals: { requesters: ['SONCALL', 'SAPPROVERS'], approvers: ['SAPPROVERS'] },
      // It begins with eight, which is more than a laptop's cores would suggest.
      mitigations: { maxWorkers: 12 },
    },
  };
}

function sandboxPgBouncer({ pgbouncerUrl, pgbouncerAdminUrl }: DebtflowAddresses): { pgbouncer?: unknown } {
  if (pgbouncerUrl === null) return {};
  return { pgbouncer: { url: pgbouncerUrl, ...(pgbouncerAdminUrl && { adminUrl: pgbouncerAdminUrl }) } };
}

/** This machine, where it can be looked at: Linux, and paths that the configuration takes. */
function sandboxHost({ pidFile, logFile }: DebtflowAddresses): { host?: unknown } {
  const host = { local: { pidFile, logFile }, runsPostgres: true, actions: true };
  return process.platform === 'linux' && HostTarget.safeParse(host).success ? { host } : {};
}

/** Tokens of the workspace in the browser; worth nothing anywhere else. */
export function sandboxSlack(url: string): Partial<Config['slack']> {
  return {
    botToken: 'xoxb-sandbox-bot',
    appToken: 'xapp-sandbox',
    apiUrl: `${url}/api/`,
    mode: 'socket',
  };
}

/** Senders of alerts can be tried in the sandbox too: who has no secret gets a random one. */
export function sandboxAlerts(alerts: AlertsConfig): AlertsConfig {
  const secret = randomBytes(16).toString('hex');
  return {
    ...alerts,
    sentry: { clientSecret: secret, ...defined(alerts.sentry) },
    alertmanager: { token: secret, ...defined(alerts.alertmanager) },
    grafana: { ...alerts.grafana, secret: alerts.grafana.secret ?? secret },
    generic: { token: secret, ...defined(alerts.generic) },
  };
}

function defined<T extends object>(settings: T): Partial<T> {
  const set = Object.entries(settings).filter(([, value]) => value !== undefined);
  return Object.fromEntries(set) as Partial<T>;
}

/** Process-wide settings of a start without a file, before there is any service: from the environment alone. */
export function environmentConfig(env: Record<string, string | undefined>): Omit<Config, 'services'> {
  // The schema wants a service; this one only carries the parser over and is dropped.
  const placeholder = { placeholder: { title: '-', channel: 'C0', targets: {} } };
  const { services: _unused, ...rest } = parseConfig({ services: placeholder }, env, 'the environment');
  return rest;
}
