import { expect, test } from 'vitest';
import { createRateLimits, type Tier } from '../../../sandbox/slack/rate-limits.ts';

test.each<[Tier, number]>([
  [1, 2],
  [2, 24],
  [3, 60],
  [4, 120],
  ['posts', 5],
])('tier %s allows %i calls at once', (tier, allowed) => {
  const limits = createRateLimits(() => 0);
  const take = () => limits.take({ token: 't', method: 'm', tier, channel: 'C' }, 1);
  expect(Array.from({ length: allowed }, take)).toEqual(Array(allowed).fill(0));
  expect(take()).toBeGreaterThan(0);
});

test('waits until the next call is allowed, as announced', () => {
  let now = 0;
  const limits = createRateLimits(() => now);
  const take = () => limits.take({ token: 't', method: 'm', tier: 2, channel: '' }, 1);
  for (let round = 0; round < 24; round += 1) take();
  expect(take()).toBe(3);
  now = 2999;
  expect(take()).toBe(1);
  now = 3000;
  expect(take()).toBe(0);
});

test('counts methods, tokens and channels apart, and scales', () => {
  const limits = createRateLimits(() => 0);
  const take = (more: object, scale = 0.1) =>
    limits.take({ token: 't', method: 'm', tier: 'posts', channel: 'C', ...more }, scale);
  expect(take({})).toBe(0);
  expect(take({})).toBe(10);
  expect([take({ channel: 'D' }), take({ method: 'n' }), take({ token: 'u' })]).toEqual([0, 0, 0]);
  expect(Array.from({ length: 1000 }, () => take({ tier: 'none' })).every((wait) => wait === 0)).toBe(true);
});
