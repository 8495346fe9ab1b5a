import { expect, test } from 'vitest';
import { readCounters } from '../../src/targets/latency-counters.ts';
import { createLatencyHistory } from '../../src/targets/latency-history.ts';
import { fakeMetrics } from '../helpers/fake-api.ts';

test('the series shows p95 and rate of the last half hour, in steps', () => {
  const history = createLatencyHistory();
  const api = fakeMetrics();
  api.serve('account-list', 0.04);
  for (let second = 0; second <= 2_400; second += 5) {
    api.serve('account-list', second > 2_000 ? 2 : 0.04, 5);
    const counters = readCounters(api.text(), second * 1_000);
    if (counters) history.add(counters);
  }
  const nowMs = 2_400_000;
  const series = history.series(nowMs, Date.parse('2026-03-01T12:00:00Z'));
  expect(series).toHaveLength(60);
  expect(series[0]?.at).toBe('2026-03-01T11:30:30.000Z');
  expect(series.at(-1)?.at).toBe('2026-03-01T12:00:00.000Z');
  expect(series[0]?.rps).toBeCloseTo(1);
  expect(series[0]?.p95Ms).toBeLessThan(50);
  expect(series.at(-1)?.p95Ms).toBeGreaterThan(1_000);
  expect(history.since(nowMs, 15_000)?.atMs).toBe(2_385_000);
});

test('views are kept for the last seconds alone, and falls for a minute', () => {
  const history = createLatencyHistory();
  let api = fakeMetrics();
  for (let second = 0; second <= 100; second += 5) {
    if (second === 50) api = fakeMetrics();
    api.serve('account-list', 0.04, 5);
    const counters = readCounters(api.text(), second * 1_000);
    if (counters) history.add(counters);
  }
  // Asked for more than what is kept with its views: the oldest that has them.
  expect(history.since(100_000, 60_000)?.atMs).toBe(85_000);
  expect(history.falls(100_000)).toBe(1);
  expect(history.falls(200_000)).toBe(0);
});
