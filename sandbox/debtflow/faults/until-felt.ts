import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultTargets } from './fault.ts';

const FELT_AFTER_MS = 3_000;
const ENOUGH_P95_MS = 300;

/** What takes the CPU or the disk has to be as large as the machine: `grow` makes it larger until the clients feel it. */
export async function untilFelt(
  { load }: FaultTargets,
  sizes: readonly number[],
  grow: (size: number) => Promise<boolean>,
): Promise<void> {
  for (const size of sizes) {
    if (!(await grow(size))) return;
    await sleep(FELT_AFTER_MS);
    const { p95Ms } = load.latency(FELT_AFTER_MS);
    if (p95Ms === null || p95Ms > ENOUGH_P95_MS) return;
  }
}
