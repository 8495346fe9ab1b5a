import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceConfig } from '../config/schema.ts';
import { BotError } from '../errors.ts';
import { examineMetrics } from './examine-metrics.ts';
import { fetchText } from './fetch-text.ts';
import {
  differenceOf,
  fell,
  type LatencyCounters,
  measured,
  measuredViews,
  readCounters,
  viewsOf,
} from './latency-counters.ts';
import { createLatencyHistory } from './latency-history.ts';
import type { Log } from './log.ts';
import type { MeasuredWindow, MetricsSource } from './metrics-source.ts';

const SCRAPE_EVERY_MS = 5_000;
/** Used instead of the window itself when too few requests complete in it. */
const WIDE_WINDOW_MS = 15_000;
const FEW_REQUESTS = 50;
/** A restart makes the counters fall once, a rolling one perhaps twice; workers that take turns every other time. */
const MANY_FALLS = 3;
/** With two workers, this many scrapes miss the other one once in eight times. */
const EXAMINED_SCRAPES = 4;

type MetricsConfig = NonNullable<ServiceConfig['targets']['metrics']>;

/** Latency from two scrapes of a django_prometheus page, where there is no Prometheus server. */
export function openMetricsEndpoint(config: MetricsConfig, log?: Log): MetricsSource {
  const history = createLatencyHistory();
  const stopping = new AbortController();
  let started = false;
  let wasWell = true;

  async function scrape(signal: AbortSignal): Promise<LatencyCounters> {
    const text = await fetchText({
      url: config.url,
      what: 'the /metrics page',
      timeoutMs: config.timeout,
      signal,
      timeoutMeans: 'when every Gunicorn worker is busy, a scrape waits in the same queue as the requests',
    });
    const counters = readCounters(text, performance.now());
    if (counters) return counters;
    throw new BotError(
      'target-protocol',
      'the /metrics page has no django_http_requests_latency_including_middlewares_seconds: is django_prometheus installed with both of its middlewares?',
    );
  }

  async function keepHistory(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        history.add(await scrape(stopping.signal));
        wasWell = true;
      } catch (err) {
        if (wasWell && !stopping.signal.aborted) log?.warn({ err }, 'the /metrics page does not answer');
        wasWell = false;
      }
      await sleep(SCRAPE_EVERY_MS, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined);
    }
  }

  /** Counters that fall are a restart when they fall once; workers that take turns make them fall again and again. */
  async function fallsOf(
    begin: LatencyCounters,
    end: LatencyCounters,
    signal: AbortSignal,
  ): Promise<string[]> {
    if (history.falls(end.atMs) >= MANY_FALLS) throw oneWorkerAtATime();
    if (!fell(begin, end)) return [];
    const third = await scrape(signal);
    if (fell(end, third) || fell(third, await scrape(signal))) throw oneWorkerAtATime();
    return [
      'the counters of the API went down within the window: it was restarted, or set PROMETHEUS_MULTIPROC_DIR if each scrape meets another worker',
    ];
  }

  return {
    async latency(windowMs, signal) {
      const begin = await scrape(signal);
      await sleep(windowMs, undefined, { signal });
      const end = await scrape(signal);
      refuseFlapping(begin, end);
      if (end.processStart !== null) {
        // One process shows itself. If there are several, another scrape soon meets another one.
        refuseFlapping(end, await scrape(signal));
        refuseFlapping(end, await scrape(signal));
      }
      const caveats = await fallsOf(begin, end, signal);
      if (started) history.add(end);
      const narrow = windowOf(begin, end, 'metrics: two scrapes');
      const older = history.since(end.atMs, WIDE_WINDOW_MS);
      const wide =
        narrow.overall.completed < FEW_REQUESTS && older && older.atMs < begin.atMs && isSame(older, end)
          ? windowOf(older, end, 'metrics: kept scrapes')
          : narrow;
      // What is in flight is asked of the window itself: an older scrape would mix in the time before.
      const series = history.series(performance.now(), Date.now());
      return { ...wide, inFlight: narrow.inFlight, series, caveats: [...wide.caveats, ...caveats] };
    },
    examine: (signal) =>
      examineMetrics(async () => {
        let last = await scrape(signal);
        for (let i = 1; i < EXAMINED_SCRAPES; i += 1) {
          const next = await scrape(signal);
          refuseFlapping(last, next);
          if (fell(last, next)) throw oneWorkerAtATime();
          last = next;
        }
        return { words: 'the /metrics page has the latency of the API', views: viewsOf(last) };
      }, 'set targets.metrics.url to the /metrics page of django_prometheus, and PROMETHEUS_MULTIPROC_DIR for the API'),
    startHistory() {
      if (started) return;
      started = true;
      void keepHistory();
    },
    close: () => stopping.abort(),
  };
}

const isSame = (a: LatencyCounters, b: LatencyCounters): boolean => a.processStart === b.processStart;

function refuseFlapping(a: LatencyCounters, b: LatencyCounters): void {
  if (!isSame(a, b)) throw oneWorkerAtATime();
}

function oneWorkerAtATime(): BotError {
  return new BotError(
    'target-protocol',
    'the /metrics page shows one Gunicorn worker at a time, and two scrapes met different ones (or the API was just restarted): set PROMETHEUS_MULTIPROC_DIR, so that the counters of all workers are added up',
  );
}

function windowOf(begin: LatencyCounters, end: LatencyCounters, source: string): MeasuredWindow {
  const windowMs = end.atMs - begin.atMs;
  const difference = differenceOf(begin, end);
  const all = difference.get('') ?? { buckets: new Map(), sum: 0, count: 0, responses: 0, errors: 0 };
  const overall = measured(all, windowMs);
  const caveats: string[] = [];
  if (overall.completed < FEW_REQUESTS) {
    caveats.push(`only ${overall.completed} requests completed in the window: the quantiles are rough`);
  }
  return {
    source,
    windowMs,
    overall,
    byView: measuredViews(difference, windowMs),
    inFlight: all.sum / (windowMs / 1_000),
    caveats,
    series: [],
    earlier: null,
  };
}
