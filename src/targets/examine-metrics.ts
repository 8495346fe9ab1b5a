import { userMessageOf } from '../errors.ts';
import type { Examined } from './requirement.ts';

/** What was seen of the metrics of an API. */
export interface SeenMetrics {
  /** "the /metrics page, 5 views". */
  words: string;
  /** Views that the metrics tell apart; null when no request was counted yet. */
  views: number | null;
}

const MIDDLEWARES =
  'put django_prometheus.middleware.PrometheusBeforeMiddleware first and PrometheusAfterMiddleware last in MIDDLEWARE';

/** Answers the two questions that `latency-bot doctor` has for a source of metrics. */
export async function examineMetrics(look: () => Promise<SeenMetrics>, remedy: string): Promise<Examined[]> {
  try {
    const { words, views } = await look();
    return [{ id: 'metrics:reachable', met: true, words, remedy: null }, byView(views)];
  } catch (error) {
    const words = userMessageOf(error);
    return [
      { id: 'metrics:reachable', met: false, words, remedy },
      { id: 'metrics:by-view', met: null, words: 'not known without the metrics', remedy: null },
    ];
  }
}

function byView(views: number | null): Examined {
  const id = 'metrics:by-view' as const;
  if (views === null) {
    return { id, met: null, words: 'no request was counted yet: ask again under load', remedy: null };
  }
  return views > 0
    ? { id, met: true, words: `${views} views`, remedy: null }
    : { id, met: false, words: 'requests are counted, but not by view', remedy: MIDDLEWARES };
}
