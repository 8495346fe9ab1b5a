import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { startApi } from './api/api.ts';
import { buildPrograms } from './build.ts';
import { startDatabase } from './database.ts';
import type { Fault } from './faults/fault.ts';
import { createFaults } from './faults/index.ts';
import { VOLUMES } from './ids.ts';
import type { LatencyReport } from './load/latency.ts';
import { startLoad } from './load/start-load.ts';
import { registerRoutes } from './routes.ts';

export type { Fault } from './faults/fault.ts';
export type { LatencyReport, ViewLatency } from './load/latency.ts';

export interface DebtflowOptions {
  /** Holds the cluster, the bundled programs, the pid file and the log. */
  stateDir: string;
  log?: (line: string) => void;
  /** Told at each step of the start: database, seed, api, load. */
  progress?: (step: string, detail?: string) => void;
  /** `small` is a tenth of the data, for tests. */
  size?: 'full' | 'small';
  /** Whether users send requests; default true. */
  load?: boolean;
}

/** A slow-able Django API on a real PostgreSQL, under load. */
export interface Debtflow {
  /** A superuser's; for faults and tests only. */
  databaseUrl: string;
  /** Role latency_probe: may look, not change. */
  probeUrl: string;
  /** Role latency_fixer: may cancel and terminate. */
  actionUrl: string;
  apiUrl: string;
  metricsUrl: string;
  pidFile: string;
  logFile: string;
  faults: Fault[];
  /** Measured at the client over the last 10 s. */
  latency(): LatencyReport;
  /** Adds GET /sandbox/faults, PUT /sandbox/faults/:name and GET /sandbox/debtflow/latency. */
  register(app: FastifyInstance): Promise<void>;
  /** Ends everything, within 4 s. */
  close(): Promise<void>;
}

type Stop = () => Promise<void>;

/** Starts DebtFlow; when a step goes wrong, what was started before it is stopped again. */
export async function startDebtflow(options: DebtflowOptions): Promise<Debtflow> {
  const stops: Stop[] = [];
  let closing: Promise<void> | null = null;
  const close = () => {
    closing ??= stopAll(stops);
    return closing;
  };
  try {
    return { ...(await startParts(options, stops)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startParts(options: DebtflowOptions, stops: Stop[]): Promise<Omit<Debtflow, 'close'>> {
  const stateDir = resolve(options.stateDir);
  const { size = 'full', log = () => undefined, progress = () => undefined } = options;
  await mkdir(stateDir, { recursive: true });
  const database = await startDatabase(stateDir, size, progress);
  stops.push(database.stop);

  progress('api');
  const programs = await buildPrograms(stateDir);
  const api = await startApi({ stateDir, programs, databaseUrl: database.apiUrl, log });
  stops.push(api.stop);

  const faults = createFaults(database);
  // Their sessions first: a worker that waits for one of their locks could not end in time.
  stops.push(async () => void (await Promise.all(faults.map((fault) => fault.off()))));

  progress('load');
  const load = startLoad({ programs, apiUrl: api.url, volume: VOLUMES[size], on: options.load ?? true, log });
  stops.push(load.stop);

  return {
    databaseUrl: database.url,
    probeUrl: database.probeUrl,
    actionUrl: database.actionUrl,
    apiUrl: api.url,
    metricsUrl: api.metricsUrl,
    pidFile: api.pidFile,
    logFile: api.logFile,
    faults,
    latency: load.latency,
    register: (app) => registerRoutes(app, faults, load.latency),
  };
}

/** The last started first; one that fails does not keep the others running. */
async function stopAll(stops: Stop[]): Promise<void> {
  const errors: unknown[] = [];
  for (const stop of stops.toReversed()) {
    await stop().catch((error: unknown) => errors.push(error));
  }
  if (errors.length > 0) throw new AggregateError(errors, 'stopping DebtFlow');
}
