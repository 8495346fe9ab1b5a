import type { Examinable } from './requirement.ts';

/** Latency of one view, or of all together. Null where too few requests completed to say. */
export interface MeasuredLatency {
  p50Ms: number | null;
  p95Ms: number | null;
  p99Ms: number | null;
  /** Bounds of the histogram bucket that p95 lies in; upper bound null beyond the last bucket. */
  p95BetweenMs: [number, number | null] | null;
  meanMs: number | null;
  rps: number;
  errorRate: number | null;
  /** Requests that completed in the window. */
  completed: number;
}

export interface SeriesPoint {
  at: string;
  p95Ms: number | null;
  rps: number;
}

/** How the API was at an earlier time. */
export interface EarlierLatency {
  /** Null where too few requests completed to say, as is the next but one. */
  p95Ms: number | null;
  rps: number;
  errorRate: number | null;
  /** "prometheus 5m offset 1d" */
  source: string;
}

/** The same time of the day before; null when the source has nothing of that time. */
export interface Earlier {
  yesterday: EarlierLatency | null;
  lastWeek: EarlierLatency | null;
}

/** What the API's own metrics say about a window. */
export interface MeasuredWindow {
  /** How it was measured: "metrics: two scrapes". */
  source: string;
  windowMs: number;
  overall: MeasuredLatency;
  /** By the `view` label, which is the route name. */
  byView: Record<string, MeasuredLatency>;
  /** Average requests in flight by Little's law: seconds of latency that completed per second. */
  inFlight: number;
  /** What a reader must know to read the numbers right. */
  caveats: string[];
  /** The last half hour, oldest first; empty when nobody kept it. */
  series: SeriesPoint[];
  /** Null for a source that remembers no days. */
  earlier: Earlier | null;
}

/** Where the latency of the API is read: its own /metrics page or a Prometheus server. */
export interface MetricsSource extends Examinable {
  latency(windowMs: number, signal: AbortSignal): Promise<MeasuredWindow>;
  /** Starts to keep a history in the background, where the source has none of its own. */
  startHistory(): void;
  close(): void;
}
