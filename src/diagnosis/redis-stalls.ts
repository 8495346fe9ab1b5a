import type { RedisReport } from '../probes/redis.ts';
import type { Case } from './cause-rule.ts';
import type { Evidence } from './diagnosis.ts';
import { inFlightAt } from './ledger.ts';
import { duration, percent } from './words.ts';

/** How long Redis lets its callers wait. */
export interface Stall {
  p99Ms: number;
  /** Share of the time in which a caller would have waited, 0 to 1. */
  slowRatio: number;
  /** Slow, and for a part of the time that requests notice. */
  stalls: boolean;
  /** "PING takes up to 840 ms (p50 0.3 ms), and waits in 62 % of the time" */
  words: string;
  evidence: Evidence;
}

/** Reads the pings of a report; null when none of them told anything. */
export function stallOf({ facts, ledger }: Case, { ping }: RedisReport): Stall | null {
  const { p99Ms, p50Ms, maxMs, slowRatio } = ping;
  if (p99Ms === null || slowRatio === null) return null;
  const { redisPingMs, causeShare } = facts.service.thresholds;
  const total = ledger.totalInFlight;
  const share = total > 0 ? inFlightAt(ledger, 'redis') / total : 0;
  const words = `PING takes up to ${milliseconds(maxMs ?? p99Ms)} (p50 ${milliseconds(p50Ms ?? 0)}), and waits in ${percent(slowRatio)} of the time`;
  return {
    ...{ p99Ms, slowRatio, words },
    stalls: p99Ms >= redisPingMs && Math.max(slowRatio, share) >= causeShare,
    evidence: { text: words, data: { ...ping } },
  };
}

/** Redis answers in fractions of a millisecond. */
export const milliseconds = (ms: number): string => (ms < 1 ? `${Number(ms.toFixed(2))} ms` : duration(ms));

/** A command that blocked the others in the window. */
export interface SlowCommand {
  command: string;
  /** Of one call, in milliseconds. */
  ms: number;
  calls: number;
  /** Share of the time in which Redis ran it; null when only the slow log saw it. */
  busyRatio: number | null;
  source: 'commandstats' | 'slowlog';
}

/** The command that takes the most of Redis's time among those that are slow by themselves. */
export function slowCommandOf({ facts }: Case, { change, slowlog }: RedisReport): SlowCommand | null {
  const limitMs = facts.service.thresholds.redisCommandMs;
  const [worst] = (change?.commands ?? [])
    .filter(({ calls, averageMicros }) => calls > 0 && averageMicros / 1_000 >= limitMs)
    .sort((a, b) => b.busyRatio - a.busyRatio || a.command.localeCompare(b.command));
  if (worst) {
    const { command, calls, busyRatio, averageMicros } = worst;
    return { command, calls, busyRatio, ms: averageMicros / 1_000, source: 'commandstats' };
  }
  if ((slowlog?.newInWindow ?? 0) <= 0) return null;
  const windowMs = change?.windowMs ?? facts.service.window;
  const [logged] = (slowlog?.recent ?? [])
    // The slow log counts in whole seconds.
    .filter(({ ageMs, maxMs }) => ageMs !== null && ageMs <= windowMs + 1_000 && maxMs >= limitMs)
    .sort((a, b) => b.maxMs - a.maxMs || a.command.localeCompare(b.command));
  return logged
    ? { command: logged.command, calls: logged.count, ms: logged.maxMs, busyRatio: null, source: 'slowlog' }
    : null;
}

/** How long forks held Redis up in the window, and how often the disk did; null where it could not be seen. */
export function pausesOf({ facts }: Case, { change, persistence }: RedisReport) {
  if (!change || !persistence || change.forks === null) return null;
  const forkMs = persistence.latestForkMs ?? 0;
  const slowForks = change.forks > 0 && forkMs >= facts.service.thresholds.redisForkMs ? change.forks : 0;
  return {
    slowForks,
    forkMs,
    delayedFsyncs: change.aofDelayedFsyncs ?? 0,
    /** Part of the window. */
    forkRatio: change.windowMs > 0 ? Math.min(1, (slowForks * forkMs) / change.windowMs) : 0,
  };
}
