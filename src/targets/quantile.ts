/** Upper bound in seconds and the number of observations up to it; the last bound is Infinity. */
export type Bucket = [le: number, cumulative: number];

/** Interpolated quantile, and the bounds of the bucket it lies in: more is not known. */
export interface Quantile {
  value: number;
  from: number;
  to: number;
}

/** Prometheus' histogram_quantile() over cumulative buckets; null when there is nothing to compute it from. */
export function histogramQuantile(q: number, buckets: readonly Bucket[]): Quantile | null {
  const sorted = monotonic(buckets);
  const last = sorted.length - 1;
  const total = sorted[last]?.[1] ?? 0;
  if (sorted[last]?.[0] !== Number.POSITIVE_INFINITY || total === 0) return null;
  const rank = q * total;
  const index = sorted.findIndex(([, cumulative]) => cumulative >= rank);
  const [le, cumulative] = sorted[index] ?? [0, 0];
  const [from, below] = sorted[index - 1] ?? [0, 0];
  if (index === last) {
    // Beyond the highest bound: Prometheus answers that bound.
    return last === 0 ? null : { value: from, from, to: Number.POSITIVE_INFINITY };
  }
  if (index === 0 && le <= 0) return { value: le, from: le, to: le };
  const value = cumulative === below ? from : from + (le - from) * ((rank - below) / (cumulative - below));
  return { value, from, to: le };
}

/** Sorted by bound, with counts that never fall: a scrape may catch a histogram in the middle of an update. */
function monotonic(buckets: readonly Bucket[]): Bucket[] {
  let highest = 0;
  return [...buckets]
    .sort(([a], [b]) => a - b)
    .map(([le, cumulative]) => {
      highest = Math.max(highest, cumulative);
      return [le, highest];
    });
}
