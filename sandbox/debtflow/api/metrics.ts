import { createServer, type Server } from 'node:http';
import { Counter, Histogram, Registry } from 'prom-client';
import type { Answered } from './messages.ts';

/** django_prometheus's default buckets, and 0.2 for the objective of 200 ms. */
const BUCKETS = [0.01, 0.025, 0.05, 0.075, 0.1, 0.2, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 25, 50, 75];
const DB_LABELS = { alias: 'default', vendor: 'postgresql' };

/** What django_prometheus exports from all workers together; it lives in the master and outlives every worker. */
export interface ApiMetrics {
  requested(view: string, method: string): void;
  answered(request: Answered): void;
  /** Serves `/metrics` on a port of its own, so that busy workers never block a scrape. */
  listen(): Promise<{ server: Server; port: number }>;
}

export function createApiMetrics(): ApiMetrics {
  const registers = [new Registry()];
  const registry = registers[0] as Registry;
  const counter = (name: string, labelNames: string[] = []) =>
    new Counter({ name, help: name.replaceAll('_', ' '), labelNames, registers });
  const histogram = (name: string, labelNames: string[] = []) =>
    new Histogram({ name, help: name.replaceAll('_', ' '), labelNames, buckets: BUCKETS, registers });

  const before = counter('django_http_requests_before_middlewares_total');
  const after = counter('django_http_responses_before_middlewares_total');
  const latency = histogram('django_http_requests_latency_including_middlewares_seconds');
  const latencyByView = histogram('django_http_requests_latency_seconds_by_view_method', ['view', 'method']);
  const requestsByView = counter('django_http_requests_total_by_view_transport_method_total', [
    'view',
    'transport',
    'method',
  ]);
  const byStatus = counter('django_http_responses_total_by_status_total', ['status']);
  const byStatusView = counter('django_http_responses_total_by_status_view_method_total', [
    'status',
    'view',
    'method',
  ]);
  const executes = counter('django_db_execute_total', ['alias', 'vendor']);
  const queryDuration = histogram('django_db_query_duration_seconds', ['alias', 'vendor']);
  const newConnections = counter('django_db_new_connections_total', ['alias', 'vendor']);

  return {
    requested(view, method) {
      before.inc();
      requestsByView.inc({ view, transport: 'http', method });
    },
    answered(request) {
      const { view, method } = request;
      const status = String(request.status);
      after.inc();
      latency.observe(request.totalSeconds);
      latencyByView.observe({ view, method }, request.viewSeconds);
      byStatus.inc({ status });
      byStatusView.inc({ status, view, method });
      executes.inc(DB_LABELS, request.querySeconds.length);
      for (const seconds of request.querySeconds) queryDuration.observe(DB_LABELS, seconds);
      newConnections.inc(DB_LABELS, request.newConnections);
    },
    listen: () => serve(registry),
  };
}

async function serve(registry: Registry): Promise<{ server: Server; port: number }> {
  const server = createServer((request, response) => {
    if (request.url !== '/metrics') {
      response.writeHead(404, { 'Content-Type': 'application/json' }).end('{"detail":"Not found."}');
      return;
    }
    void registry.metrics().then((text) => {
      response.writeHead(200, { 'Content-Type': registry.contentType }).end(text);
    });
  });
  await new Promise<void>((done, fail) => server.once('error', fail).listen(0, '127.0.0.1', done));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the metrics server has no port');
  return { server, port: address.port };
}
