import type { Facts } from './facts.ts';
import { count, duration, percent } from './words.ts';

/** With fewer requests than for a p95, their mean speaks, and has to speak clearly. */
const CLEAR_FACTOR = 5;

/** Whether anybody suffers, apart from why. */
export interface Symptoms {
  /** Whether the latency of the API was measured: its metrics answered, and requests completed in the window. */
  measured: boolean;
  /** What is wrong, in words; empty when nobody suffers. */
  complaints: string[];
  /** Latency that decides about the severity, in milliseconds; null when too few requests completed. */
  latencyMs: number | null;
  errorRate: number | null;
  /** Average wait of a request before a worker takes it, in milliseconds; null when it could not be seen. */
  queueMs: number | null;
  /** How long the longest request has been stuck in the database, in milliseconds. */
  stuckMs: number;
}

/** Looks at latency, errors, and at requests that hang and so show in neither. */
export function symptomsOf(facts: Facts): Symptoms {
  const report = facts.reports['api-latency'];
  const overall = report?.overall;
  const complaints: string[] = [];
  const objectiveMs = facts.service.thresholds.baselineP95Ms;
  const p95Ms = overall?.p95Ms ?? null;
  if (overall && p95Ms !== null && isSlow(p95Ms, overall.p95BetweenMs, objectiveMs)) {
    complaints.push(`p95 is ${duration(p95Ms)}, above the objective of ${duration(objectiveMs)}`);
  }
  if (p95Ms === null && (overall?.meanMs ?? 0) > CLEAR_FACTOR * objectiveMs) {
    complaints.push(`the few requests that completed took ${duration(overall?.meanMs ?? 0)} on average`);
  }
  const errorRate = overall?.errorRate ?? null;
  if ((errorRate ?? 0) > facts.service.thresholds.unhealthyErrorRatio)
    complaints.push(`${percent(errorRate ?? 0)} of the requests fail`);
  const queueMs = queueWaitMs(facts);
  if (queueMs !== null && queueMs > objectiveMs) {
    complaints.push(`requests wait ${duration(queueMs)} on average before a worker takes them`);
  }
  const stuck = stuckSessions(facts, p95Ms === null);
  if (stuck.length > 0) {
    const longest = duration(Math.max(...stuck));
    complaints.push(
      `${count(stuck.length, 'request hangs', 'requests hang')} in the database, the longest for ${longest}`,
    );
  }
  const latency = p95Ms ?? overall?.meanMs ?? null;
  return {
    // An API that completes nothing may be idle or hang as a whole; that it is well cannot be said.
    measured: (overall?.completed ?? 0) > 0,
    complaints,
    latencyMs: latency === null ? null : latency + (queueMs ?? 0),
    errorRate,
    queueMs,
    stuckMs: Math.max(0, ...stuck),
  };
}

/** A p95 inside a bucket around the objective proves nothing, unless it is far above. */
function isSlow(p95Ms: number, between: [number, number | null] | null, objectiveMs: number): boolean {
  const certain = (between?.[0] ?? p95Ms) >= objectiveMs && p95Ms > objectiveMs;
  return certain || p95Ms > 2 * objectiveMs;
}

/** The metrics of the API begin when a worker takes the request. Little's law: connections in the queue over their rate. */
function queueWaitMs({ reports }: Facts): number | null {
  const waiting = reports['gunicorn-workers']?.backlog?.average;
  const rps = reports['api-latency']?.overall.rps ?? 0;
  if (waiting === undefined) return null;
  if (waiting === 0) return 0;
  return rps > 0 ? (waiting / rps) * 1_000 : null;
}

/** Ages in milliseconds of the application's sessions that wait for a lock or run for too long. */
function stuckSessions(facts: Facts, fewRequests: boolean): number[] {
  const { lockWaitMs, longQueryMs } = facts.service.thresholds;
  const waits = (facts.reports['lock-tree']?.nodes ?? [])
    .filter((node) => facts.isApplication(node.role))
    .flatMap((node) => (node.waitMs !== null && node.waitMs >= lockWaitMs ? [node.waitMs] : []));
  const runs = (facts.reports['active-queries']?.sessions ?? [])
    .filter((session) => session.backendType === 'client backend' && facts.isApplication(session.role))
    .filter((session) => session.state === 'active' && session.waitEventType !== 'Lock')
    .flatMap(({ queryAgeMs }) => (queryAgeMs !== null && queryAgeMs >= longQueryMs ? [queryAgeMs] : []));
  // One report that takes its time is no incident while hundreds of requests are quick.
  return runs.length >= 2 || fewRequests ? [...waits, ...runs] : waits;
}
