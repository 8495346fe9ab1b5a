import { BotError } from '../errors.ts';
import { examineMetrics } from './examine-metrics.ts';
import type { MeasuredLatency, MeasuredWindow, MetricsSource, SeriesPoint } from './metrics-source.ts';
import { finite, numberOf, type PrometheusConfig, prometheusApi, type Series } from './prometheus-api.ts';
import { earlierLatency } from './prometheus-earlier.ts';

/** rate() needs at least two, better four scrapes inside; the usual interval is 15 to 30 s. */
const RANGES = ['2m', '5m'] as const;
const RANGE_MS = { '2m': 120_000, '5m': 300_000 };
const SERIES_MS = 30 * 60_000;
const SERIES_STEP_S = 30;

const ALL = 'django_http_requests_latency_including_middlewares_seconds';
const VIEW = 'django_http_requests_latency_seconds_by_view_method';
const STATUS = 'django_http_responses_total_by_status_total';
const VIEW_STATUS = 'django_http_responses_total_by_status_view_method_total';
/** 404s are collected under "<unnamed view>", and the metrics page counts its own scrapes. */
const VIEWS = 'view!="<unnamed view>",view!="prometheus-django-metrics"';

/** Latency from the instant queries of a Prometheus server. */
export function openPrometheus(config: PrometheusConfig): MetricsSource {
  const api = prometheusApi(config);
  const { instant, select } = api;

  async function measure(range: '2m' | '5m', signal: AbortSignal): Promise<MeasuredWindow> {
    const rate = (metric: string, ...matchers: string[]) => `rate(${metric}${select(...matchers)}[${range}])`;
    const quantile = (q: number) => `histogram_quantile(${q}, sum by (le) (${rate(`${ALL}_bucket`)}))`;
    const viewQuantile = (q: number) =>
      `histogram_quantile(${q}, sum by (le, view) (${rate(`${VIEW}_bucket`, VIEWS)}))`;
    const byView = (metric: string, ...matchers: string[]) =>
      `sum by (view) (${rate(metric, VIEWS, ...matchers)})`;
    const [p50, p95, p99, rps, busy, responses, errors, v50, v95, v99, vRps, vBusy, vResponses, vErrors] =
      await Promise.all(
        [
          quantile(0.5),
          quantile(0.95),
          quantile(0.99),
          `sum(${rate(`${ALL}_count`)})`,
          `sum(${rate(`${ALL}_sum`)})`,
          `sum(${rate(STATUS)})`,
          `sum(${rate(STATUS, 'status=~"5.."')})`,
          viewQuantile(0.5),
          viewQuantile(0.95),
          viewQuantile(0.99),
          byView(`${VIEW}_count`),
          byView(`${VIEW}_sum`),
          byView(VIEW_STATUS),
          byView(VIEW_STATUS, 'status=~"5.."'),
        ].map((query) => instant(query, signal)),
      );
    const windowMs = RANGE_MS[range];
    const one = { p50, p95, p99, rps, busy, responses, errors };
    const views = {
      p50: v50,
      p95: v95,
      p99: v99,
      rps: vRps,
      busy: vBusy,
      responses: vResponses,
      errors: vErrors,
    };
    const names = (vRps ?? []).flatMap(({ metric }) => metric.view ?? []);
    return {
      source: `prometheus ${range}`,
      windowMs,
      overall: latencyOf(one, undefined, windowMs),
      byView: Object.fromEntries(
        names
          .map((view): [string, MeasuredLatency] => [view, latencyOf(views, view, windowMs)])
          .filter(([, latency]) => latency.rps > 0),
      ),
      inFlight: numberOf(busy, undefined) ?? 0,
      caveats: [`averages over the last ${range}: a change within it shows late`],
      series: [],
      earlier: null,
    };
  }

  async function series(signal: AbortSignal): Promise<SeriesPoint[]> {
    const end = Math.floor(Date.now() / 1_000);
    const range = { start: String(end - SERIES_MS / 1_000), end: String(end), step: String(SERIES_STEP_S) };
    const [p95, rps] = await Promise.all(
      [
        `histogram_quantile(0.95, sum by (le) (rate(${ALL}_bucket${select()}[2m])))`,
        `sum(rate(${ALL}_count${select()}[2m]))`,
      ].map((query) => api.range(query, range, signal)),
    );
    const p95At = new Map((p95?.[0]?.values ?? []).map(([at, value]) => [at, finite(value)]));
    return (rps?.[0]?.values ?? []).map(([at, value]) => {
      const seconds = p95At.get(at) ?? null;
      return {
        at: new Date(at * 1_000).toISOString(),
        p95Ms: seconds === null ? null : seconds * 1_000,
        rps: finite(value) ?? 0,
      };
    });
  }

  return {
    async latency(_windowMs, signal) {
      const points = series(signal);
      points.catch(() => undefined); // awaited below, after what can fail first
      const before = earlierLatency(api, signal);
      before.catch(() => undefined);
      for (const range of RANGES) {
        const window = await measure(range, signal);
        if (window.overall.rps === 0) continue;
        const { earlier, caveats } = await before;
        return { ...window, series: await points, earlier, caveats: [...window.caveats, ...caveats] };
      }
      throw notScraped();
    },
    examine: (signal) =>
      examineMetrics(async () => {
        const all = await instant(`sum(${ALL}_count${select()})`, signal);
        if (all.length === 0) throw notScraped();
        const views = await instant(`count by (view) (${VIEW}_count${select(VIEWS)})`, signal);
        const requests = numberOf(all) ?? 0;
        return {
          words: `Prometheus has the latency of the API (${requests} requests counted)`,
          views: requests > 0 ? views.length : null,
        };
      }, 'set targets.prometheus.url and .selector so that the query selects the scrapes of this API'),
    startHistory: () => undefined, // Prometheus is the history
    close: () => undefined,
  };
}

function notScraped(): BotError {
  return new BotError(
    'target-protocol',
    `Prometheus has no ${ALL} of this API in the last 5 minutes: check targets.prometheus.selector, and whether the API is scraped at all`,
  );
}

type Parts = Record<'p50' | 'p95' | 'p99' | 'rps' | 'busy' | 'responses' | 'errors', Series | undefined>;

function latencyOf(parts: Parts, view: string | undefined, windowMs: number): MeasuredLatency {
  const read = (part: keyof Parts) => numberOf(parts[part], view);
  const inMs = (seconds: number | null) => (seconds === null ? null : seconds * 1_000);
  const rps = read('rps') ?? 0;
  const busy = read('busy');
  const responses = read('responses') ?? 0;
  return {
    p50Ms: inMs(read('p50')),
    p95Ms: inMs(read('p95')),
    p99Ms: inMs(read('p99')),
    p95BetweenMs: null, // the bounds stay on the server
    meanMs: busy !== null && rps > 0 ? (busy / rps) * 1_000 : null,
    rps,
    // No series of 5xx means that there was none, once there are responses at all.
    errorRate: responses > 0 ? (read('errors') ?? 0) / responses : null,
    completed: Math.round(rps * (windowMs / 1_000)),
  };
}
