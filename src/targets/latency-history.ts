import { differenceOf, type LatencyCounters, measured } from './latency-counters.ts';
import type { SeriesPoint } from './metrics-source.ts';

const KEEP_MS = 30 * 60_000;
/** A chart needs no more, and a shorter step would hold too few requests for a p95. */
const STEP_MS = 30_000;

export interface LatencyHistory {
  add(counters: LatencyCounters): void;
  /** The oldest scrape that is not older than `maxAgeMs` at `nowMs`, of the same process. */
  since(nowMs: number, maxAgeMs: number): LatencyCounters | undefined;
  /** p95 and rate in steps of 30 s; `wallMs` is the wall clock at `nowMs`. */
  series(nowMs: number, wallMs: number): SeriesPoint[];
}

/** Keeps half an hour of scrapes in memory, so that "before" exists when an incident begins. */
export function createLatencyHistory(): LatencyHistory {
  let scrapes: LatencyCounters[] = [];
  return {
    add(counters) {
      scrapes = [...scrapes.filter((old) => counters.atMs - old.atMs <= KEEP_MS), counters];
    },
    since: (nowMs, maxAgeMs) => scrapes.find((scrape) => nowMs - scrape.atMs <= maxAgeMs),
    series(nowMs, wallMs) {
      const points: SeriesPoint[] = [];
      let from = scrapes[0];
      for (const to of scrapes) {
        if (!from || to.atMs - from.atMs < STEP_MS) continue;
        const all = differenceOf(from, to).get('');
        if (all) {
          const { p95Ms, rps } = measured(all, to.atMs - from.atMs);
          points.push({ at: new Date(wallMs - (nowMs - to.atMs)).toISOString(), p95Ms, rps });
        }
        from = to;
      }
      return points;
    },
  };
}
