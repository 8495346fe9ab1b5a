import type { Log } from './log.ts';

const PING_EVERY_MS = 30_000;
const PING_LIMIT_MS = 3_000;
const FIRST_RETRY_MS = 1_000;

export interface Warm {
  /** Says that a session was lost, so that the next one is opened soon and not at the next ping. */
  lost(): void;
  stop(): void;
}

/**
 * Keeps one connection open: pings it, and re-opens it with back-off. It is the way in when the slots run out, or when a
 * machine without a free CPU accepts nobody in time. `title` names the target in the log.
 */
export function keepWarm(title: string, ping: (signal: AbortSignal) => Promise<unknown>, log?: Log): Warm {
  let timer: NodeJS.Timeout | undefined;
  let retryMs = FIRST_RETRY_MS;
  let stopped = false;
  let wasWell: boolean | undefined;

  function schedule(delayMs: number): void {
    if (stopped) return;
    clearTimeout(timer);
    timer = setTimeout(() => void beat(), delayMs).unref();
  }

  async function beat(): Promise<void> {
    try {
      await ping(AbortSignal.timeout(PING_LIMIT_MS));
      retryMs = FIRST_RETRY_MS;
      if (wasWell === false) log?.info({}, `the diagnosed ${title} answers again`);
      wasWell = true;
      schedule(PING_EVERY_MS);
    } catch (err) {
      if (wasWell !== false && !stopped) log?.warn({ err }, `the diagnosed ${title} does not answer`);
      wasWell = false;
      schedule(retryMs);
      retryMs = Math.min(retryMs * 2, PING_EVERY_MS);
    }
  }

  void beat();
  return {
    lost: () => schedule(FIRST_RETRY_MS),
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
