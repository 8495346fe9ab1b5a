import { expect, test } from 'vitest';
import { createLatencyWindow } from '../../../../sandbox/debtflow/load/latency.ts';
import type { Seen } from '../../../../sandbox/debtflow/load/messages.ts';

const seen = (ms: number, outcome: Seen['outcome'] = 'ok', view = 'account-list'): Seen => ({
  view,
  ms,
  outcome,
});

function windowAt(): { window: ReturnType<typeof createLatencyWindow>; advance: (ms: number) => void } {
  let now = 0;
  return {
    window: createLatencyWindow(() => now),
    advance: (ms) => {
      now += ms;
    },
  };
}

test('has no percentile before anything was measured', () => {
  expect(windowAt().window.report()).toEqual({
    p50Ms: null,
    p95Ms: null,
    p99Ms: null,
    rps: 0,
    errorRate: 0,
    byView: {},
  });
});

test('reports percentiles, rate and errors over the last ten seconds, in all and by view', () => {
  const { window, advance } = windowAt();
  advance(1_000);
  window.add({ type: 'seen', ended: [seen(9_000)], waiting: [] });
  advance(10_000);
  const hundred = Array.from({ length: 100 }, (_, index) => seen(index + 1, index < 10 ? 'error' : 'ok'));
  window.add({ type: 'seen', ended: [...hundred, seen(0, 'not-sent', 'payment-list')], waiting: [] });
  const report = window.report();
  expect(report).toMatchObject({ p50Ms: 50, p95Ms: 95, p99Ms: 99, rps: 10.1, errorRate: 11 / 101 });
  expect(report.byView['payment-list']).toMatchObject({ p95Ms: null, errorRate: 1 });
  expect(report.byView['account-list']).toMatchObject({ p95Ms: 95, errorRate: 0.1 });
});

test('counts requests that nobody has answered with their age', () => {
  const { window, advance } = windowAt();
  advance(5_000);
  const waiting = [...Array(10).fill({ view: 'a', ageMs: 4_000 }), { view: 'a', ageMs: 20 }];
  window.add({ type: 'seen', ended: Array.from({ length: 90 }, () => seen(10)), waiting });
  expect(window.report()).toMatchObject({ p50Ms: 10, p95Ms: 4_000, rps: 18 });
});

test('a shorter window has only what is in it', () => {
  const { window, advance } = windowAt();
  window.add({ type: 'seen', ended: [seen(900), seen(900)], waiting: [] });
  advance(4_000);
  window.add({ type: 'seen', ended: [seen(20), seen(20), seen(20)], waiting: [] });
  expect(window.report(3_000)).toMatchObject({ p95Ms: 20, rps: 1 });
  expect(window.report()).toMatchObject({ p95Ms: 900, rps: 1.3 });
});
