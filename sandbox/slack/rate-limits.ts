/** Calls a minute for the tiers of https://docs.slack.dev/apis/web-api/rate-limits */
const TIERS = { 1: 1, 2: 20, 3: 50, 4: 100 } as const;
/** Slack tolerates short bursts and publishes no number. */
const BURST = 1.2;
/** "About one message a second a channel, short bursts allowed." */
const POSTS = { perSecond: 1, burst: 5 };

/** How often a method may be called; `posts` is counted by channel. */
export type Tier = keyof typeof TIERS | 'posts' | 'none';

/** Token buckets of one workspace. */
export interface RateLimits {
  /** Seconds to wait, or 0 when the call may go on. */
  take(call: { token: string; method: string; tier: Tier; channel: string }, scale: number): number;
}

/** Full buckets. */
export function createRateLimits(clock: () => number): RateLimits {
  const buckets = new Map<string, { tokens: number; at: number }>();
  return {
    take({ token, method, tier, channel }, scale) {
      if (tier === 'none') return 0;
      const { perSecond, capacity } = sizeOf(tier, scale);
      const key = tier === 'posts' ? `${token} ${method} ${channel}` : `${token} ${method}`;
      const now = clock();
      const bucket = buckets.get(key) ?? { tokens: capacity, at: now };
      const tokens = Math.min(capacity, bucket.tokens + ((now - bucket.at) / 1000) * perSecond);
      const allowed = tokens >= 1;
      buckets.set(key, { tokens: allowed ? tokens - 1 : tokens, at: now });
      return allowed ? 0 : Math.max(1, Math.ceil((1 - tokens) / perSecond));
    },
  };
}

function sizeOf(tier: Exclude<Tier, 'none'>, scale: number): { perSecond: number; capacity: number } {
  if (tier === 'posts') {
    return { perSecond: POSTS.perSecond * scale, capacity: Math.max(1, Math.floor(POSTS.burst * scale)) };
  }
  const perMinute = TIERS[tier] * scale;
  return { perSecond: perMinute / 60, capacity: Math.max(1, Math.ceil(perMinute * BURST)) };
}
