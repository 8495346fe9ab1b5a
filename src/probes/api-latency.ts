import { z } from 'zod';
import { BotError } from '../errors.ts';
import type { MeasuredWindow } from '../targets/metrics-source.ts';
import { sharedLatency } from '../targets/shared-latency.ts';
import type { ApiNorm, Baseline } from './baseline.ts';
import type { Probe } from './probe.ts';

const Latency = z.object({
  p50Ms: z.number().nullable(),
  p95Ms: z.number().nullable(),
  p99Ms: z.number().nullable(),
  /** Bounds of the histogram bucket that p95 lies in; the upper one is null beyond the last bucket. */
  p95BetweenMs: z.tuple([z.number(), z.number().nullable()]).nullable(),
  meanMs: z.number().nullable(),
  rps: z.number(),
  errorRate: z.number().nullable(),
  completed: z.number(),
});

const Earlier = z.object({
  p95Ms: z.number().nullable(),
  rps: z.number(),
  errorRate: z.number().nullable(),
  source: z.string(),
});

const Report = z.object({
  source: z.string(),
  windowMs: z.number(),
  objectiveMs: z.number(),
  overall: Latency,
  /** By route name. */
  byView: z.record(z.string(), Latency),
  /** Average requests in flight by Little's law, from those that completed. */
  inFlight: z.number(),
  /** Routes whose p95 is above the objective, slowest first. */
  slowViews: z.array(z.string()),
  caveats: z.array(z.string()),
  /** At this time one day ago, and one week ago; null when nobody kept it. */
  yesterday: Earlier.nullable(),
  lastWeek: Earlier.nullable(),
  /** On a healthy day, averaged over what the bot kept; null without a baseline. */
  normal: Earlier.nullable(),
  /** Why there is nothing of yesterday; null when there is. */
  noYesterday: z.string().nullable(),
  series: z.array(z.object({ at: z.string(), p95Ms: z.number().nullable(), rps: z.number() })),
});

export type ApiLatencyReport = z.infer<typeof Report>;

/** How slow the API is as its own metrics tell it, overall and by view. */
export const apiLatency: Probe<ApiLatencyReport> = {
  id: 'api-latency',
  title: 'Latency of the API',
  runbookStep: 1,
  needs: ['metrics'],
  cost: '2 scrapes of /metrics around the window, or about 24 queries to Prometheus',
  requires: ['metrics:reachable'],
  improvedBy: ['metrics:by-view'],
  report: Report,

  async run({ targets, service, windowMs, signal, baseline }) {
    if (!targets.metrics) throw new BotError('not-configured', 'no metrics of the API are configured');
    const window = await sharedLatency(targets.metrics, windowMs, signal);
    const objectiveMs = service.thresholds.baselineP95Ms;
    const slowViews = Object.entries(window.byView)
      .filter(([, view]) => isAbove(view, objectiveMs))
      .sort(([, a], [, b]) => (b.p95Ms ?? 0) - (a.p95Ms ?? 0))
      .map(([name]) => name);
    const caveats = [...window.caveats];
    const bounds = window.overall.p95BetweenMs;
    if (bounds?.[1] != null && bounds[0] < objectiveMs && bounds[1] > objectiveMs) {
      caveats.push(
        `the histogram cannot tell ${bounds[0]} ms from ${bounds[1]} ms: add ${objectiveMs / 1_000} to PROMETHEUS_LATENCY_BUCKETS`,
      );
    }
    return { ...window, objectiveMs, slowViews, caveats, ...compared(window, baseline) };
  },
};

/** Prometheus remembers days; beside a /metrics page only the bot itself does, and only healthy ones. */
function compared({ earlier }: MeasuredWindow, baseline: Baseline | undefined) {
  const fromBaseline = (norm: ApiNorm | null | undefined) =>
    norm
      ? {
          ...{ p95Ms: norm.p95Ms, rps: norm.rps, errorRate: norm.errorRate },
          source: `baseline, ${norm.samples} samples`,
        }
      : null;
  const yesterday = earlier?.yesterday ?? fromBaseline(baseline?.yesterday);
  const lastWeek = earlier?.lastWeek ?? fromBaseline(baseline?.lastWeek);
  return {
    yesterday,
    lastWeek,
    normal: fromBaseline(baseline?.api),
    noYesterday: yesterday ? null : reasonFor(earlier, baseline),
  };
}

function reasonFor(earlier: MeasuredWindow['earlier'], baseline: Baseline | undefined): string {
  if (earlier) return 'Prometheus has nothing of this API from that time';
  if (!baseline) return 'there is no baseline: the bot has not kept a healthy sample of this service';
  return `the bot kept no healthy sample at that time; its baseline begins ${baseline.since.slice(0, 16).replace('T', ' ')} UTC`;
}

/** Above for certain: the whole bucket is, or there are no buckets to doubt. */
function isAbove(latency: z.infer<typeof Latency>, objectiveMs: number): boolean {
  if (latency.p95Ms === null) return false;
  return (latency.p95BetweenMs?.[0] ?? latency.p95Ms) >= objectiveMs;
}
