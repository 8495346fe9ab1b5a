import { setTimeout as sleep } from 'node:timers/promises';

export type PacedMethod = 'chat.postMessage' | 'chat.update';

/**
 * Keeps calls under Slack's published rates: posting is counted per channel, updating per workspace. A 429 pauses
 * what it was counted for, everything else goes on. https://docs.slack.dev/apis/web-api/rate-limits
 */
export interface Pace {
  /** Waits until this call may be made; throws when `signal` aborts first. */
  turn(method: PacedMethod, channel: string, signal: AbortSignal): Promise<void>;
  /** Slack answered 429. */
  pause(method: PacedMethod, channel: string, seconds: number): void;
}

interface Bucket {
  tokens: number;
  at: number;
}

// Posting: about 1 per second and channel, short bursts allowed. Updating: tier 3, 50 per minute and workspace.
const RATES = {
  'chat.postMessage': { perSecond: 1, burst: 4 },
  'chat.update': { perSecond: 48 / 60, burst: 12 },
} as const;

export function createPace(now: () => number = Date.now): Pace {
  const buckets = new Map<string, Bucket>();
  const pausedUntil = new Map<string, number>();
  return {
    async turn(method, channel, signal) {
      const { perSecond, burst } = RATES[method];
      const key = keyOf(method, channel);
      for (;;) {
        const paused = (pausedUntil.get(key) ?? 0) - now();
        const bucket = refill(buckets.get(key), perSecond, burst, now());
        buckets.set(key, bucket);
        if (paused <= 0 && bucket.tokens >= 1) {
          bucket.tokens -= 1;
          return;
        }
        await sleep(Math.max(paused, ((1 - bucket.tokens) / perSecond) * 1_000, 10), undefined, { signal });
      }
    },
    pause(method, channel, seconds) {
      const key = keyOf(method, channel);
      pausedUntil.set(key, Math.max(pausedUntil.get(key) ?? 0, now() + seconds * 1_000));
    },
  };
}

function keyOf(method: PacedMethod, channel: string): string {
  return method === 'chat.postMessage' ? `${method}:${channel}` : method;
}

function refill(bucket: Bucket | undefined, perSecond: number, burst: number, at: number): Bucket {
  if (!bucket) return { tokens: burst, at };
  return { tokens: Math.min(burst, bucket.tokens + ((at - bucket.at) / 1_000) * perSecond), at };
}
