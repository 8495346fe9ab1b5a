import { activeQueries } from './active-queries.ts';
import { apiLatency } from './api-latency.ts';
import { celery } from './celery.ts';
import { connectionPool } from './connection-pool.ts';
import { explain } from './explain.ts';
import { gunicornWorkers } from './gunicorn-workers.ts';
import { host } from './host.ts';
import { lockTree } from './lock-tree.ts';
import { nPlusOne } from './n-plus-one.ts';
import { pgbouncer } from './pgbouncer.ts';
import { postgresServer } from './postgres-server.ts';
import type { Probe } from './probe.ts';
import { redis } from './redis.ts';
import { requestLog } from './request-log.ts';
import { tableHealth } from './table-health.ts';
import { topStatements } from './top-statements.ts';

/** Every probe of a run by its id. A new probe is one file and one line here. */
export const PROBES = {
  'api-latency': apiLatency,
  'gunicorn-workers': gunicornWorkers,
  'request-log': requestLog,
  'active-queries': activeQueries,
  'lock-tree': lockTree,
  'top-statements': topStatements,
  'n-plus-one': nPlusOne,
  explain,
  'connection-pool': connectionPool,
  pgbouncer,
  redis,
  host,
  'table-health': tableHealth,
  'postgres-server': postgresServer,
  celery,
};

export type ProbeId = keyof typeof PROBES;

/** The report that each probe answers with. */
export type Reports = {
  [Id in ProbeId]: (typeof PROBES)[Id] extends Probe<infer Report> ? Report : never;
};

/** A report together with the probe that answered with it. */
export type AnyReport = { [Id in ProbeId]: { probeId: Id; report: Reports[Id] } }[ProbeId];
