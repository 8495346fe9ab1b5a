import { setTimeout as sleep } from 'node:timers/promises';

const INTERVAL_MS = 100;

/** Asks until there is an answer; throws with what was waited for when there is none in time. */
export async function until<T>(
  what: string,
  deadlineMs: number,
  ask: () => Promise<T | null | undefined | false>,
): Promise<T> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null && answer !== undefined && answer !== false) return answer;
    if (performance.now() > deadline) throw new Error(`waited ${deadlineMs / 1_000} s in vain for ${what}`);
    await sleep(INTERVAL_MS);
  }
}

/** Seconds since a moment of `performance.now()`, to a tenth. */
export function secondsSince(begin: number): number {
  return Math.round((performance.now() - begin) / 100) / 10;
}
