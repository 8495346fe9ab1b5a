import { differenceOf, fell, type LatencyCounters, measured, overallOnly } from './latency-counters.ts';
import type { SeriesPoint } from './metrics-source.ts';

const KEEP_MS = 30 * 60_000;
/** Views are only asked about the last seconds; kept for half an hour they would fill the memory. */
const KEEP_VIEWS_MS = 15_000;
const FALLS_WITHIN_MS = 60_000;
/** A chart needs no more, and a shorter step would hold too few requests for a p95. */
const STEP_MS = 30_000;

export interface LatencyHistory {
  add(counters: LatencyCounters): void;
  /** The oldest scrape that is not older than `maxAgeMs` at `nowMs`, of the same process. */
  since(nowMs: number, maxAgeMs: number): LatencyCounters | undefined;
  /** How often the counters went down in the last minute. */
  falls(nowMs: number): number;
  /** p95 and rate in steps of 30 s; `wallMs` is the wall clock at `nowMs`. */
  series(nowMs: number, wallMs: number): SeriesPoint[];
}

/** Keeps half an hour of scrapes in memory, so that "before" exists when an incident begins. */
export function createLatencyHistory(): LatencyHistory {
  let scrapes: (LatencyCounters & { hasViews: boolean })[] = [];
  return {
    add(counters) {
      const ageMs = (old: LatencyCounters) => counters.atMs - old.atMs;
      scrapes = scrapes
        .filter((old) => ageMs(old) <= KEEP_MS)
        .map((old) =>
          ageMs(old) > KEEP_VIEWS_MS && old.hasViews ? { ...overallOnly(old), hasViews: false } : old,
        );
      scrapes.push({ ...counters, hasViews: true });
    },
    since: (nowMs, maxAgeMs) =>
      scrapes.find((scrape) => scrape.hasViews && nowMs - scrape.atMs <= Math.min(maxAgeMs, KEEP_VIEWS_MS)),
    falls(nowMs) {
      const recent = scrapes.filter((scrape) => nowMs - scrape.atMs <= FALLS_WITHIN_MS);
      return recent.filter((scrape, i) => {
        const before = recent[i - 1];
        return before !== undefined && fell(before, scrape);
      }).length;
    },
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
