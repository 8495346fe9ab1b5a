import { userMessageOf } from '../errors.ts';
import type { Earlier, EarlierLatency } from './metrics-source.ts';
import { numberOf, type PrometheusApi } from './prometheus-api.ts';

const ALL = 'django_http_requests_latency_including_middlewares_seconds';
const STATUS = 'django_http_responses_total_by_status_total';
/** Five minutes of that time: less is noise, and Prometheus may have been scraping rarely. */
const RANGE = '5m';

/** How the API was at this time one day and one week ago. A server that cannot say costs a caveat, not the rest. */
export async function earlierLatency(
  api: PrometheusApi,
  signal: AbortSignal,
): Promise<{ earlier: Earlier; caveats: string[] }> {
  try {
    const [yesterday, lastWeek] = await Promise.all([at(api, '1d', signal), at(api, '1w', signal)]);
    return { earlier: { yesterday, lastWeek }, caveats: [] };
  } catch (error) {
    signal.throwIfAborted();
    const caveats = [`could not compare with yesterday: ${userMessageOf(error)}`];
    return { earlier: { yesterday: null, lastWeek: null }, caveats };
  }
}

/** Null when the API was not scraped then. */
async function at(
  { instant, select }: PrometheusApi,
  ago: '1d' | '1w',
  signal: AbortSignal,
): Promise<EarlierLatency | null> {
  const rate = (metric: string, ...matchers: string[]) =>
    `rate(${metric}${select(...matchers)}[${RANGE}] offset ${ago})`;
  const [p95, rps, responses, errors] = await Promise.all(
    [
      `histogram_quantile(0.95, sum by (le) (${rate(`${ALL}_bucket`)}))`,
      `sum(${rate(`${ALL}_count`)})`,
      `sum(${rate(STATUS)})`,
      `sum(${rate(STATUS, 'status=~"5.."')})`,
    ].map(async (query) => instant(query, signal)),
  );
  const perSecond = numberOf(rps);
  if (perSecond === null) return null;
  const seconds = numberOf(p95);
  const all = numberOf(responses) ?? 0;
  return {
    p95Ms: seconds === null ? null : seconds * 1_000,
    rps: perSecond,
    errorRate: all > 0 ? (numberOf(errors) ?? 0) / all : null,
    source: `prometheus ${RANGE} offset ${ago}`,
  };
}
