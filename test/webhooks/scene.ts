import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fastify from 'fastify';
import { Alerts, type AlertsConfig } from '../../src/config/alerts.ts';
import type { AlertDrain } from '../../src/incidents/alerts-drain.ts';
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts';
import { mountAlerts } from '../../src/webhooks/alerts-edge.ts';
import type { World } from '../incidents/world.ts';

export const SECRET = 'a-secret-of-a-test';

/** A body as its sender sends it, to the byte. */
export function sample(name: string): string {
  return readFileSync(join(import.meta.dirname, '..', 'fixtures', 'webhooks', `${name}.body`), 'utf8');
}

export function signature(body: string | Buffer, prefix = ''): string {
  return createHmac('sha256', SECRET).update(prefix).update(body).digest('hex');
}

export interface Edge {
  url: string;
  metrics: Metrics;
  drain: AlertDrain;
  /** Sends a body with `application/json` and what else there is in `headers`. */
  send(source: string, body: string | Buffer, headers?: Record<string, string>): Promise<Sent>;
  close(): Promise<void>;
}

export interface Sent {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

export const ALL_SENDERS = {
  sentry: { clientSecret: SECRET },
  alertmanager: { token: SECRET },
  grafana: { secret: SECRET, timestampHeader: 'X-Grafana-Alerting-Timestamp' },
  generic: { token: SECRET },
};

/** The bot's web server with the routes of alerts, on a port of loopback. */
export async function openEdge(world: World, alerts: Record<string, unknown> = ALL_SENDERS): Promise<Edge> {
  const app = fastify({ forceCloseConnections: true });
  const config: AlertsConfig = Alerts.parse(alerts);
  const metrics = createMetrics();
  const { db, services, log } = world.deps;
  const edge = mountAlerts(app, {
    db,
    config,
    services,
    metrics,
    log,
    slackConnected: () => true,
    queued: async () => ({ runs: 3 }),
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const drain = edge.start(world.deps);
  return {
    ...{ url, metrics, drain },
    async send(source, body, headers = {}) {
      const response = await fetch(`${url}/webhooks/${source}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : new Uint8Array(body),
      });
      return {
        status: response.status,
        headers: response.headers,
        body: (await response.json()) as Record<string, unknown>,
      };
    },
    async close() {
      await drain.stop();
      await app.close();
    },
  };
}

/** What each sender proves itself with, for a body. */
export function proven(source: string, body: string | Buffer, now = Date.now()): Record<string, string> {
  if (source === 'sentry') return { 'sentry-hook-signature': signature(body) };
  if (source !== 'grafana') return { authorization: `Bearer ${SECRET}` };
  const seconds = String(Math.floor(now / 1_000));
  return {
    'x-grafana-alerting-signature': signature(body, `${seconds}:`),
    'x-grafana-alerting-timestamp': seconds,
  };
}

/** A delivery of Alertmanager with these alerts. */
export function alertmanagerBody(
  alerts: { name?: string; key: string; status?: string; startsAt: Date; endsAt?: Date; service?: string }[],
): string {
  return JSON.stringify({
    version: '4',
    groupKey: '{}:{}',
    status: alerts.some(({ status }) => status !== 'resolved') ? 'firing' : 'resolved',
    receiver: 'latency-bot',
    truncatedAlerts: 0,
    externalURL: '',
    alerts: alerts.map(({ name = 'HighLatencyP95', key, status = 'firing', startsAt, endsAt, service }) => ({
      status,
      labels: { alertname: name, key, ...(service ? { service } : {}) },
      annotations: { summary: `${name} of ${key}` },
      startsAt: startsAt.toISOString(),
      endsAt: endsAt?.toISOString() ?? '0001-01-01T00:00:00Z',
      fingerprint: key,
    })),
  });
}
