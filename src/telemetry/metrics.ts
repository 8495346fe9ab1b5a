import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** What the bot counts of itself; docs/metrics.md explains each. Names by https://prometheus.io/docs/practices/naming/ */
export type Metrics = ReturnType<typeof createMetrics>;

const PREFIX = 'latency_bot_';

/** The counters of one process. */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
    new Counter({ name: `${PREFIX}${name}`, help, labelNames, registers });
  const gauge = <Label extends string>(name: string, help: string, labelNames: Label[] = []) =>
    new Gauge({ name: `${PREFIX}${name}`, help, labelNames, registers });
  collectDefaultMetrics({ register: registry, prefix: PREFIX });
  return {
    registry,
    webhookDeliveries: counter('webhook_deliveries_total', 'Webhooks answered 2xx.', ['source', 'status']),
    webhookRefusals: counter('webhook_refusals_total', 'Webhooks refused.', ['source', 'reason']),
    webhookSeconds: new Histogram({
      name: `${PREFIX}webhook_answer_seconds`,
      help: 'Time until a webhook was answered.',
      labelNames: ['source'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5],
      registers,
    }),
    alerts: counter('alerts_total', 'Alerts stored.', ['source', 'status']),
    alertsUnrouted: counter('alerts_unrouted_total', 'Alerts that no route matches.', ['source']),
    alertsApplied: counter('alerts_applied_total', 'Alerts applied to incidents.', ['outcome']),
    alertsWaiting: gauge('alerts_waiting', 'Alerts stored and not yet applied.'),
    alertsOldestWaitingSeconds: gauge('alerts_oldest_waiting_seconds', 'Age of the oldest of them.'),
    incidentsOpen: gauge('incidents_open', 'Incidents that are not resolved.', ['state']),
    unpublished: gauge('incidents_unpublished', 'Incidents whose newest state Slack does not show yet.'),
    slackConnected: gauge('slack_connected', '1 while Slack is connected.'),
    queueJobs: gauge('queue_jobs', 'Jobs that wait in the queue.', ['queue']),
    sweepRepairs: counter('sweep_repairs_total', 'What the sweep found waiting and moved on.', ['what']),
    claimConflicts: counter('claim_conflicts_total', 'Work that somebody else had claimed.', ['what']),
    oldestRunSeconds: gauge('oldest_run_seconds', 'Age of the oldest run that is not finished.'),
    probeSeconds: new Histogram({
      name: `${PREFIX}probe_seconds`,
      help: 'Time a probe took.',
      labelNames: ['probe', 'status'],
      buckets: [0.1, 0.5, 1, 2, 3, 5, 7.5, 10, 15],
      registers,
    }),
  };
}

const READ_DEADLINE_MS = 1_000;

/** `/metrics` in Prometheus' format; `look` brings the gauges up to date first, and may fail. */
export function registerMetrics(
  app: FastifyInstance,
  { registry }: Metrics,
  look: () => Promise<void>,
  log: Logger,
): void {
  app.get('/metrics', async (_request, reply) => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, fail) => {
      timer = setTimeout(() => fail(new Error(`no answer in ${READ_DEADLINE_MS} ms`)), READ_DEADLINE_MS);
    });
    // A store that is away is when the counters are needed most.
    await Promise.race([look(), late])
      .catch((err) => log.warn({ err }, 'reading the gauges'))
      .finally(() => clearTimeout(timer));
    return reply.type(registry.contentType).send(await registry.metrics());
  });
}
