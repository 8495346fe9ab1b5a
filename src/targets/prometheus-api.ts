import { z } from 'zod';
import type { ServiceConfig } from '../config/schema.ts';
import { BotError } from '../errors.ts';
import { fetchText } from './fetch-text.ts';
import { parseValue } from './prometheus-text.ts';

const Value = z.tuple([z.number(), z.string()]);
const Answer = z.object({
  status: z.literal('success'),
  data: z.object({
    result: z.array(
      z.object({
        metric: z.record(z.string(), z.string()),
        value: Value.optional(),
        values: z.array(Value).optional(),
      }),
    ),
  }),
});
export type Series = z.infer<typeof Answer>['data']['result'];

export type PrometheusConfig = NonNullable<ServiceConfig['targets']['prometheus']>;

export interface PrometheusApi {
  instant(query: string, signal: AbortSignal): Promise<Series>;
  range(query: string, range: Record<'start' | 'end' | 'step', string>, signal: AbortSignal): Promise<Series>;
  /** The braces of a metric: the configured selector and what is given. */
  select(...matchers: string[]): string;
}

/** The query API of a Prometheus server. */
export function prometheusApi(config: PrometheusConfig): PrometheusApi {
  async function ask(path: string, parameters: Record<string, string>, signal: AbortSignal): Promise<Series> {
    const url = `${config.url.replace(/\/+$/, '')}/api/v1/${path}?${new URLSearchParams(parameters)}`;
    const headers = config.bearerToken ? { authorization: `Bearer ${config.bearerToken}` } : {};
    const text = await fetchText({ url, what: 'Prometheus', timeoutMs: config.timeout, signal, headers });
    try {
      return Answer.parse(JSON.parse(text)).data.result;
    } catch (cause) {
      const message = 'the answer is not that of a Prometheus server: check targets.prometheus.url';
      throw new BotError('target-protocol', message, { cause });
    }
  }

  return {
    instant: (query, signal) => ask('query', { query }, signal),
    range: (query, range, signal) => ask('query_range', { query, ...range }, signal),
    select: (...matchers) => `{${[config.selector, ...matchers].filter(Boolean).join(',')}}`,
  };
}

/** A value of the API; null for NaN and the infinities, which are no measurements. */
export function finite(text: string | undefined): number | null {
  const value = parseValue(text ?? '');
  return value !== null && Number.isFinite(value) ? value : null;
}

/** The value of the series of a view, or of the first one. */
export function numberOf(series: Series | undefined, view?: string): number | null {
  return finite(series?.find(({ metric }) => view === undefined || metric.view === view)?.value?.[1]);
}
