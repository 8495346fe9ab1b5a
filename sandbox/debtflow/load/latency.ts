import type { LoadMessage, Seen } from './messages.ts';

const WINDOW_MS = 10_000;
// A request that waits for longer counts with its age: p95 must not look good because nothing is answered.
const COUNT_WAITING_FROM_MS = 500;

/** Latency at the client over the last 10 s; a percentile is null when nothing was measured. */
export interface ViewLatency {
  p50Ms: number | null;
  p95Ms: number | null;
  p99Ms: number | null;
  /** Ended per second, in whatever way. */
  rps: number;
  /** 0 to 1: answered with 5xx, reset, timed out, or not sent for want of room. */
  errorRate: number;
}

/** The whole, and each view; a view's other methods have theirs: `account-detail PATCH`. */
export interface LatencyReport extends ViewLatency {
  byView: Record<string, ViewLatency>;
}

/** Collects what the load reports. */
export interface LatencyWindow {
  add(message: LoadMessage): void;
  /** Of the last 10 s, or of the last part of them. */
  report(windowMs?: number): LatencyReport;
}

/** `now` in milliseconds, for tests. */
export function createLatencyWindow(now: () => number = () => performance.now()): LatencyWindow {
  const startedAt = now();
  let ended: { at: number; seen: Seen }[] = [];
  let waiting: LoadMessage['waiting'] = [];

  return {
    add(message) {
      const at = now();
      ended = ended.filter((entry) => entry.at > at - WINDOW_MS);
      ended.push(...message.ended.map((seen) => ({ at, seen })));
      waiting = message.waiting;
    },
    report(windowMs = WINDOW_MS) {
      const seconds = Math.min(windowMs, Math.max(1, now() - startedAt)) / 1000;
      const recent = ended.filter((entry) => entry.at > now() - windowMs).map((entry) => entry.seen);
      const slow = waiting.filter((entry) => entry.ageMs >= COUNT_WAITING_FROM_MS);
      const views = [...new Set([...recent, ...slow].map((entry) => entry.view))].sort();
      const byView = views.map((view) => {
        const ofView = (entry: { view: string }) => entry.view === view;
        return [view, summarise(recent.filter(ofView), slow.filter(ofView), seconds)] as const;
      });
      return { ...summarise(recent, slow, seconds), byView: Object.fromEntries(byView) };
    },
  };
}

function summarise(ended: Seen[], waiting: { ageMs: number }[], seconds: number): ViewLatency {
  const durations = [
    ...ended.filter((seen) => seen.outcome !== 'not-sent').map((seen) => seen.ms),
    ...waiting.map((entry) => entry.ageMs),
  ].sort((a, b) => a - b);
  const errors = ended.filter((seen) => seen.outcome !== 'ok').length;
  return {
    p50Ms: percentile(durations, 0.5),
    p95Ms: percentile(durations, 0.95),
    p99Ms: percentile(durations, 0.99),
    rps: Math.round((ended.length / seconds) * 10) / 10,
    errorRate: ended.length === 0 ? 0 : errors / ended.length,
  };
}

/** Nearest rank of a sorted list. */
function percentile(sorted: number[], q: number): number | null {
  const value = sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)];
  return value === undefined ? null : Math.round(value * 10) / 10;
}
