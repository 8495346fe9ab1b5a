import { setTimeout as sleep } from 'node:timers/promises';

/** Slack gives an acknowledgement 3 s; this leaves the way there and back. */
const ACKNOWLEDGE_AT_LATEST_MS = 2_300;

/**
 * Does the work and acknowledges after it: should the process die in between, Slack tells the person that it failed,
 * and nothing seems to have been taken that was lost. Work that takes long is acknowledged while it goes on.
 * Returns whether it was.
 */
export async function inTime<T>(
  work: Promise<T>,
  acknowledge: () => Promise<void>,
  atLatestMs = ACKNOWLEDGE_AT_LATEST_MS,
): Promise<{ value: T; acknowledged: boolean }> {
  const ended = new AbortController();
  const late = sleep(atLatestMs, 'late' as const, { signal: ended.signal }).catch(() => 'ended' as const);
  const settled = work.then(
    () => 'ended' as const,
    () => 'ended' as const,
  );
  const first = await Promise.race([settled, late]);
  ended.abort();
  if (first === 'late') await acknowledge();
  return { value: await work, acknowledged: first === 'late' };
}
