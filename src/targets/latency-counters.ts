import type { MeasuredLatency } from './metrics-source.ts';
import { parsePrometheusText, type Sample } from './prometheus-text.ts';
import { type Bucket, histogramQuantile } from './quantile.ts';

/** Fewer completed requests than this, and a p95 would be one request's latency. */
const MIN_FOR_P95 = 20;
const MIN_FOR_P99 = 100;
/** By view fewer have to do: a view that is called seldom and slowly must not be missing from the picture. */
const MIN_FOR_P95_OF_VIEW = 5;
const MAX_VIEWS = 200;

/** The counters of one scrape that say something about latency; keyed so that two scrapes can be subtracted. */
export interface LatencyCounters {
  /** Monotonic milliseconds. */
  atMs: number;
  /** Counter series by "kind|view|method|le" or similar; every one only grows. */
  series: Map<string, number>;
  /** Present only when the page shows a single worker process (no PROMETHEUS_MULTIPROC_DIR). */
  processStart: number | null;
}

// PROMETHEUS_METRIC_NAMESPACE may put a prefix in front of every name.
const KINDS: [suffix: string, kind: string][] = [
  ['django_http_requests_latency_including_middlewares_seconds_bucket', 'all-bucket'],
  ['django_http_requests_latency_including_middlewares_seconds_sum', 'all-sum'],
  ['django_http_requests_latency_including_middlewares_seconds_count', 'all-count'],
  ['django_http_requests_latency_seconds_by_view_method_bucket', 'view-bucket'],
  ['django_http_requests_latency_seconds_by_view_method_sum', 'view-sum'],
  ['django_http_requests_latency_seconds_by_view_method_count', 'view-count'],
  ['django_http_responses_total_by_status_total', 'all-status'],
  ['django_http_responses_total_by_status_view_method_total', 'view-status'],
  ['process_start_time_seconds', 'process-start'],
];

const kindOf = (name: string): string | undefined =>
  KINDS.find(([suffix]) => name === suffix || name.endsWith(`_${suffix}`))?.[1];

/** Reads a /metrics page; null when it holds no latency of django_prometheus. */
export function readCounters(text: string, atMs: number): LatencyCounters | null {
  const series = new Map<string, number>();
  let processStart: number | null = null;
  for (const sample of parsePrometheusText(text, (name) => kindOf(name) !== undefined)) {
    const kind = kindOf(sample.name) ?? '';
    if (kind === 'process-start') processStart = sample.value;
    else if (Number.isFinite(sample.value)) series.set(keyOf(kind, sample), sample.value);
  }
  const hasLatency = [...series.keys()].some((key) => key.startsWith('all-count'));
  return hasLatency ? { atMs, series, processStart } : null;
}

const SEPARATOR = '\u0000';

function keyOf(kind: string, { labels }: Sample): string {
  return [kind, labels.view ?? '', labels.method ?? '', labels.le ?? '', labels.status ?? ''].join(SEPARATOR);
}

/** Only what is counted over all views: what a chart of the past needs. */
export function overallOnly(counters: LatencyCounters): LatencyCounters {
  const series = new Map([...counters.series].filter(([key]) => key.startsWith('all-')));
  return { ...counters, series };
}

/** Whether the number of requests went down: a restart, or the page of another worker. */
export function fell(before: LatencyCounters, after: LatencyCounters): boolean {
  return [...after.series].some(
    ([key, now]) => key.startsWith('all-count') && now < (before.series.get(key) ?? 0),
  );
}

/** Views that a page tells apart; null when it has not counted a request yet. */
export function viewsOf({ series }: LatencyCounters): number | null {
  const requests = [...series].reduce((sum, [key, n]) => sum + (key.startsWith('all-count') ? n : 0), 0);
  const names = [...series.keys()].flatMap((key) => {
    const [kind, view = ''] = key.split(SEPARATOR);
    return kind === 'view-count' && !isNoise(view) ? [view] : [];
  });
  return requests > 0 ? new Set(names).size : null;
}

interface Summed {
  buckets: Map<number, number>;
  sum: number;
  count: number;
  responses: number;
  errors: number;
}

/** The difference of two scrapes, overall (key '') and by view. */
export function differenceOf(before: LatencyCounters, after: LatencyCounters): Map<string, Summed> {
  const byView = new Map<string, Summed>();
  for (const [key, now] of after.series) {
    const was = before.series.get(key) ?? 0;
    // A counter that fell was reset: what it shows has come since.
    const delta = now < was ? now : now - was;
    const [kind = '', view = '', , le = '', status = ''] = key.split(SEPARATOR);
    if (kind.startsWith('view') && isNoise(view)) continue;
    const name = kind.startsWith('view') ? view : '';
    const entry = byView.get(name) ?? { buckets: new Map(), sum: 0, count: 0, responses: 0, errors: 0 };
    byView.set(name, entry);
    add(entry, kind.split('-')[1] ?? '', delta, le, status);
  }
  return byView;
}

function add(entry: Summed, what: string, delta: number, le: string, status: string): void {
  if (what === 'bucket') {
    const bound = le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le);
    entry.buckets.set(bound, (entry.buckets.get(bound) ?? 0) + delta);
  } else if (what === 'sum') entry.sum += delta;
  else if (what === 'count') entry.count += delta;
  else if (what === 'status') {
    entry.responses += delta;
    if (status.startsWith('5')) entry.errors += delta;
  }
}

/** 404s are collected under "<unnamed view>", and the metrics page counts its own scrapes. */
function isNoise(view: string): boolean {
  return view === '' || view === '<unnamed view>' || view === 'prometheus-django-metrics';
}

const ms = (seconds: number | undefined): number | null => (seconds === undefined ? null : seconds * 1_000);

/** Quantiles and rates of one entry of a difference. */
export function measured(entry: Summed, windowMs: number, minForP95 = MIN_FOR_P95): MeasuredLatency {
  const buckets: Bucket[] = [...entry.buckets];
  const p95 = entry.count >= minForP95 ? histogramQuantile(0.95, buckets) : null;
  const p50 = entry.count >= minForP95 ? histogramQuantile(0.5, buckets) : null;
  const p99 = entry.count >= MIN_FOR_P99 ? histogramQuantile(0.99, buckets) : null;
  return {
    p50Ms: ms(p50?.value),
    p95Ms: ms(p95?.value),
    p99Ms: ms(p99?.value),
    p95BetweenMs: p95 ? [p95.from * 1_000, Number.isFinite(p95.to) ? p95.to * 1_000 : null] : null,
    meanMs: entry.count > 0 ? (entry.sum / entry.count) * 1_000 : null,
    rps: entry.count / (windowMs / 1_000),
    errorRate: entry.responses > 0 ? entry.errors / entry.responses : null,
    completed: Math.round(entry.count),
  };
}

/** The views of a difference that had requests, busiest first. */
export function measuredViews(
  difference: Map<string, Summed>,
  windowMs: number,
): Record<string, MeasuredLatency> {
  const busiest = [...difference]
    .filter(([view, entry]) => view !== '' && entry.count > 0)
    .sort(([, a], [, b]) => b.sum - a.sum)
    .slice(0, MAX_VIEWS);
  return Object.fromEntries(
    busiest.map(([view, entry]) => [view, measured(entry, windowMs, MIN_FOR_P95_OF_VIEW)]),
  );
}
