import { parseConfig } from './load.ts';
import type { Config } from './schema.ts';

export interface DebtflowAddresses {
  probeUrl: string;
  actionUrl: string;
  metricsUrl: string;
}

/** What people call the routes; short, because a chart's label has 20 characters. */
const VIEWS = {
  'account-list': 'Account list',
  'account-detail': 'Account detail',
  'payment-list': 'Payments',
  'activity-list': 'Activities',
  'analytics-summary': 'Analytics summary',
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
          applicationRoles: ['debtflow_api'],
        },
        metrics: { url: debtflow.metricsUrl },
      },
      approvals: { requesters: ['SONCALL', 'SAPPROVERS'], approvers: ['SAPPROVERS'] },
    },
  };
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

/** Process-wide settings of a start without a file, before there is any service: from the environment alone. */
export function environmentConfig(env: Record<string, string | undefined>): Omit<Config, 'services'> {
  // The schema wants a service; this one only carries the parser over and is dropped.
  const placeholder = { placeholder: { title: '-', channel: 'C0', targets: {} } };
  const { services: _unused, ...rest } = parseConfig({ services: placeholder }, env, 'the environment');
  return rest;
}
