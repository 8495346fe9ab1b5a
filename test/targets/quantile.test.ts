import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Bucket, histogramQuantile } from '../../src/targets/quantile.ts';

test('interpolates like histogram_quantile() of Prometheus', () => {
  const buckets: Bucket[] = [
    [0.1, 10],
    [0.25, 10],
    [0.5, 20],
    [Infinity, 20],
  ];
  expect(histogramQuantile(0.95, buckets)).toEqual({ value: expect.closeTo(0.475), from: 0.25, to: 0.5 });
  expect(histogramQuantile(0.5, buckets)).toEqual({ value: 0.1, from: 0, to: 0.1 });
});

test('beyond the last bound only that bound is known', () => {
  expect(
    histogramQuantile(0.95, [
      [10, 1],
      [Infinity, 20],
    ]),
  ).toEqual({ value: 10, from: 10, to: Infinity });
});

test('nothing observed, or no +Inf bucket, is no quantile', () => {
  expect(histogramQuantile(0.95, [])).toBeNull();
  expect(histogramQuantile(0.95, [[Infinity, 0]])).toBeNull();
  expect(histogramQuantile(0.95, [[1, 5]])).toBeNull();
});

test('the quantile lies in its bucket and grows with q', () => {
  const counts = fc.array(fc.nat({ max: 50 }), { minLength: 2, maxLength: 12 });
  fc.assert(
    fc.property(counts, (perBucket) => {
      let cumulative = 0;
      const buckets = perBucket.map((n, i): Bucket => {
        cumulative += n;
        return [i === perBucket.length - 1 ? Infinity : (i + 1) / 10, cumulative];
      });
      const quantiles = [0.1, 0.5, 0.9, 0.95, 0.99].flatMap((q) => histogramQuantile(q, buckets) ?? []);
      expect(quantiles).toHaveLength(cumulative === 0 ? 0 : 5);
      for (const { value, from, to } of quantiles) {
        expect(value).toBeGreaterThanOrEqual(from);
        expect(value).toBeLessThanOrEqual(to);
      }
      const values = quantiles.map(({ value }) => value);
      expect(values).toEqual([...values].sort((a, b) => a - b));
    }),
  );
});
