import type { FastifyInstance } from 'fastify';
import type { Fault } from './faults/fault.ts';
import { createFaults } from './faults/index.ts';
import type { LatencyReport } from './load/latency.ts';
import { registerRehearsal } from './rehearsal-routes.ts';
import { registerRoutes } from './routes.ts';
import { type DebtflowOptions, type Stop, startStack } from './stack.ts';

export type { Fault } from './faults/fault.ts';
export type { LatencyReport, ViewLatency } from './load/latency.ts';
export type { DebtflowOptions } from './stack.ts';

/** A slow-able Django API on a real PostgreSQL, under load. */
export interface Debtflow {
  /** A superuser's; for faults and tests only. */
  databaseUrl: string;
  /** Role latency_probe: may look, not change. */
  probeUrl: string;
  /** Role latency_fixer: may cancel and terminate. */
  actionUrl: string;
  /** PgBouncer's admin console for a role that may look; null without PgBouncer. */
  pgbouncerUrl: string | null;
  /** The same for the role of approved acts. */
  pgbouncerAdminUrl: string | null;
  /** Redis for a user that may look; null without Redis. */
  redisUrl: string | null;
  apiUrl: string;
  metricsUrl: string;
  pidFile: string;
  logFile: string;
  faults: Fault[];
  /** Measured at the client over the last 10 s. */
  latency(): LatencyReport;
  /** Adds GET /sandbox/faults, PUT /sandbox/faults/:name and GET /sandbox/debtflow/latency, and the routes of rehearsals. */
  register(app: FastifyInstance): Promise<void>;
  /** Ends everything, within 4 s. */
  close(): Promise<void>;
}

/** Starts DebtFlow; when a step goes wrong, what was started before it is stopped again. */
export async function startDebtflow(options: DebtflowOptions): Promise<Debtflow> {
  const stops: Stop[] = [];
  let closing: Promise<void> | null = null;
  const close = () => {
    closing ??= stopAll(stops);
    return closing;
  };
  try {
    const stack = await startStack(options, stops);
    const { database, redis, pgbouncer, api, load } = stack;
    const faults = createFaults(stack);
    // Their sessions before the API: a worker that waits for one of their locks could not end in time.
    stops.push(async () => void (await Promise.all(faults.map((fault) => fault.off()))));
    return {
      databaseUrl: database.url,
      probeUrl: database.probeUrl,
      actionUrl: database.actionUrl,
      pgbouncerUrl: pgbouncer?.probeUrl ?? null,
      pgbouncerAdminUrl: pgbouncer?.actionUrl ?? null,
      redisUrl: redis?.probeUrl ?? null,
      apiUrl: api.url,
      metricsUrl: api.metricsUrl,
      pidFile: api.pidFile,
      logFile: api.logFile,
      faults,
      latency: load.latency,
      async register(app) {
        await registerRoutes(app, faults, load.latency);
        await registerRehearsal(app, faults, load);
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The last started first; one that fails does not keep the others running. */
async function stopAll(stops: Stop[]): Promise<void> {
  const errors: unknown[] = [];
  for (const stop of stops.toReversed()) {
    await stop().catch((error: unknown) => errors.push(error));
  }
  if (errors.length > 0) throw new AggregateError(errors, 'stopping DebtFlow');
}
