import type { AlertRouteConfig, AlertsConfig } from '../config/alerts.ts';
import type { IncomingAlert } from '../store/alert-inbox.ts';

/** The service that an alert is about; null when nothing tells. */
export function serviceOfAlert(
  config: AlertsConfig,
  services: ReadonlyMap<string, unknown>,
  alert: Pick<IncomingAlert, 'source' | 'labels' | 'project'>,
): string | null {
  const route = config.routes.find((one) => matches(one, alert));
  if (route) return route.service;
  const named = [alert.labels.get('service'), alert.project].find(
    (name): name is string => typeof name === 'string' && services.has(name),
  );
  if (named !== undefined) return named;
  if (config.defaultService !== undefined) return config.defaultService;
  const [only, ...others] = services.keys();
  return others.length === 0 ? (only ?? null) : null;
}

function matches(
  route: AlertRouteConfig,
  alert: Pick<IncomingAlert, 'source' | 'labels' | 'project'>,
): boolean {
  if (route.source !== undefined && route.source !== alert.source) return false;
  if (route.project !== undefined && route.project !== alert.project) return false;
  return Object.entries(route.labels).every(([name, value]) => alert.labels.get(name) === value);
}
