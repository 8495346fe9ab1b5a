import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { AlertsConfig } from '../config/alerts.ts';
import { type AlertDrain, startAlertDrain } from '../incidents/alerts-drain.ts';
import type { IncidentDeps } from '../incidents/deps.ts';
import type { Database } from '../store/database.ts';
import { storeGauges } from '../store/gauges.ts';
import { type Metrics, registerMetrics } from '../telemetry/metrics.ts';
import { openInboxWriter } from './inbox-writer.ts';
import { registerWebhooks } from './receive.ts';

export interface AlertsEdgeOptions {
  db: Database;
  config: AlertsConfig;
  services: ReadonlyMap<string, unknown>;
  metrics: Metrics;
  log: Logger;
  /** Whether people can be told. */
  slackConnected(): boolean;
  /** Jobs that wait, by queue. */
  queued(): Promise<Record<string, number>>;
}

export interface AlertsEdge {
  /** Begins to apply what is stored; until then alerts are taken in and wait. */
  start(deps: IncidentDeps): AlertDrain;
}

/** The routes of alerts and of `/metrics`, before the server listens. */
export function mountAlerts(app: FastifyInstance, options: AlertsEdgeOptions): AlertsEdge {
  const { db, config, services, metrics, log } = options;
  let drain: AlertDrain | null = null;
  let waiting = 0;
  registerWebhooks(app, {
    ...{ config, services, metrics, log },
    inbox: openInboxWriter(db),
    onStored: (service) => drain?.wake(service),
    waiting: () => waiting,
  });
  registerMetrics(app, metrics, () => readGauges(options), log);
  return {
    start(deps) {
      drain = startAlertDrain(deps, {
        coolDownMs: config.coolDown,
        onWaiting: (now) => {
          waiting = now;
        },
        onApplied({ fired, ended, outOfOrder }) {
          metrics.alertsApplied.inc({ outcome: 'firing' }, fired);
          metrics.alertsApplied.inc({ outcome: 'ended' }, ended);
          metrics.alertsApplied.inc({ outcome: 'out-of-order' }, outOfOrder);
        },
      });
      return drain;
    },
  };
}

async function readGauges({ db, metrics, slackConnected, queued }: AlertsEdgeOptions): Promise<void> {
  metrics.slackConnected.set(slackConnected() ? 1 : 0);
  const gauges = await storeGauges(db);
  metrics.incidentsOpen.reset();
  for (const state of ['investigating', 'monitoring']) metrics.incidentsOpen.set({ state }, 0);
  for (const { state, n } of gauges.incidents) metrics.incidentsOpen.set({ state }, n);
  metrics.unpublished.set(gauges.unpublished);
  metrics.oldestRunSeconds.set(gauges.oldestRunSeconds);
  metrics.alertsWaiting.set(gauges.alertsWaiting);
  metrics.alertsOldestWaitingSeconds.set(gauges.oldestAlertSeconds);
  for (const [queue, n] of Object.entries(await queued())) metrics.queueJobs.set({ queue }, n);
}
