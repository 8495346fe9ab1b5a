import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultTargets } from './fault.ts';

/** To make a fault larger is work, too: what the clients felt of that alone is over by then. */
const SETTLE_MS = 1_500;
const FELT_WITHIN_MS = 3_000;
const ENOUGH_P95_MS = 300;

/**
 * What takes the CPU or the disk has to be as large as the machine: `grow` makes it larger until the clients feel it.
 * It is done at the largest size, and when `grow` says that somebody has ended it; in a small DebtFlow, which is there
 * to see what a fault does and not how it feels, at the smallest.
 */
export async function untilFelt<Size>(
  { load, size: volume }: FaultTargets,
  sizes: readonly Size[],
  grow: (size: Size) => Promise<boolean>,
): Promise<void> {
  for (const size of sizes) {
    if (!(await grow(size)) || volume === 'small') return;
    await sleep(SETTLE_MS + FELT_WITHIN_MS);
    const { p95Ms } = load.latency(FELT_WITHIN_MS);
    if (p95Ms === null || p95Ms > ENOUGH_P95_MS) return;
  }
}
