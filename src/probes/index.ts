import { activeQueries } from './active-queries.ts';
import { apiLatency } from './api-latency.ts';
import { connectionPool } from './connection-pool.ts';
import { lockTree } from './lock-tree.ts';
import type { Probe } from './probe.ts';

/** Every probe of a run by its id. A new probe is one file and one line here. */
export const PROBES = {
  'api-latency': apiLatency,
  'active-queries': activeQueries,
  'lock-tree': lockTree,
  'connection-pool': connectionPool,
};

export type ProbeId = keyof typeof PROBES;

/** The report that each probe answers with. */
export type Reports = {
  [Id in ProbeId]: (typeof PROBES)[Id] extends Probe<infer Report> ? Report : never;
};

/** A report together with the probe that answered with it. */
export type AnyReport = { [Id in ProbeId]: { probeId: Id; report: Reports[Id] } }[ProbeId];
