import { once } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { timeLimit } from '../../src/targets/time-limit.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

test('the limit holds although the garbage is collected before it', async () => {
  const limit = timeLimit(new AbortController().signal, 200);
  const aborted = once(limit, 'abort');
  for (let i = 0; i < 5; i += 1) {
    collectGarbage();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await aborted;
  expect(limit.aborted).toBe(true);
});

test('the signal given comes first', () => {
  const outer = new AbortController();
  const limit = timeLimit(outer.signal, 60_000);
  outer.abort(new Error('given up'));
  expect(limit.reason).toMatchObject({ message: 'given up' });
});

test('fractions of a millisecond, and a limit that has passed, are limits', async () => {
  for (const ms of [0.4, -3.7]) {
    const limit = timeLimit(new AbortController().signal, ms);
    if (!limit.aborted) await once(limit, 'abort');
    expect(limit.aborted).toBe(true);
  }
});
