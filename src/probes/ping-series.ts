import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { BotError } from '../errors.ts';
import { watchOwnStalls } from './own-stalls.ts';

const EVERY_MS = 50;
/** Answers that come this late after the window still count; the others are told as unanswered. */
const DRAIN_MS = 600;
/** A PING in a LAN takes well under a millisecond; ten of them mean that it waited behind something. */
const SLOW_MS = 10;

export const PingSeries = z.object({
  sent: z.int(),
  answered: z.int(),
  /** Still without an answer at the end; in the figures below they count with the time they had waited until then. */
  unanswered: z.int(),
  /** The connection was lost, or the answer was an error. */
  failed: z.int(),
  meanMs: z.number().nullable(),
  p50Ms: z.number().nullable(),
  p95Ms: z.number().nullable(),
  p99Ms: z.number().nullable(),
  maxMs: z.number().nullable(),
  /** Share of the pings that took 10 ms or more: share of the time in which a caller would have waited. */
  slowRatio: z.number().nullable(),
  /** Longest time that this process itself was busy; it is already subtracted from the figures above. */
  ownDelayMs: z.number(),
});
export type PingSeries = z.infer<typeof PingSeries>;

interface Tally {
  latencies: number[];
  waiting: Set<number>;
  answered: number;
  unanswered: number;
  failed: number;
  lastError: unknown;
}

/**
 * Pings at a steady pace whatever the last answer took, so that a stall shows with its true share of the time. Throws
 * the last error when no ping at all was answered.
 */
export async function pingSeries(
  ping: () => Promise<unknown>,
  windowMs: number,
  signal: AbortSignal,
): Promise<PingSeries> {
  const stalls = watchOwnStalls();
  const tally: Tally = {
    ...{ latencies: [], waiting: new Set(), answered: 0, unanswered: 0, failed: 0, lastError: null },
  };
  try {
    const begin = performance.now();
    const sent: Promise<void>[] = [];
    for (let due = begin; due < begin + windowMs; due += EVERY_MS) {
      await sleep(Math.max(0, due - performance.now()), undefined, { signal });
      sent.push(timed(ping, tally, stalls.during));
    }
    const drained = new AbortController();
    const limit = AbortSignal.any([signal, drained.signal]);
    await Promise.race([
      Promise.all(sent).finally(() => drained.abort()),
      sleep(DRAIN_MS, undefined, { signal: limit }).catch(() => signal.throwIfAborted()),
    ]);
    const now = performance.now();
    for (const since of tally.waiting) tally.latencies.push(now - since);
    tally.unanswered += tally.waiting.size;
    if (tally.answered === 0) throw nothingAnswered(tally.lastError);
    return summary(tally, sent.length, stalls.longestMs());
  } finally {
    stalls.stop();
  }
}

async function timed(
  ping: () => Promise<unknown>,
  tally: Tally,
  stalledDuring: (from: number, to: number) => number,
): Promise<void> {
  // A hair apart, so that two pings of one moment are two entries of the set.
  const from = performance.now() + tally.waiting.size * 1e-6;
  tally.waiting.add(from);
  try {
    await ping();
    tally.answered += 1;
    const now = performance.now();
    tally.latencies.push(Math.max(0, now - from - stalledDuring(from, now)));
  } catch (error) {
    tally.lastError = error;
    if (error instanceof BotError && error.code === 'target-timeout') {
      tally.unanswered += 1;
      tally.latencies.push(performance.now() - from);
    } else {
      tally.failed += 1;
    }
  } finally {
    tally.waiting.delete(from);
  }
}

function nothingAnswered(lastError: unknown): unknown {
  return (
    lastError ??
    new BotError(
      'target-timeout',
      'Redis answered none of the pings: a slow command or a stopped process blocks it',
    )
  );
}

function summary(tally: Tally, sent: number, ownDelayMs: number): PingSeries {
  const sorted = [...tally.latencies].sort((a, b) => a - b);
  // Nearest rank: a quantile is a latency that was measured.
  const at = (q: number) => sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? null;
  const average = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return {
    sent,
    answered: tally.answered,
    unanswered: tally.unanswered,
    failed: tally.failed,
    meanMs: sorted.length > 0 ? average(sorted) : null,
    p50Ms: at(0.5),
    p95Ms: at(0.95),
    p99Ms: at(0.99),
    maxMs: at(1),
    slowRatio: sorted.length > 0 ? sorted.filter((ms) => ms >= SLOW_MS).length / sorted.length : null,
    ownDelayMs,
  };
}
