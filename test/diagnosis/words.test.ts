import { expect, test } from 'vitest';
import { count, decimal, duration, percent, sessionName } from '../../src/diagnosis/words.ts';

test.each([
  [84.4, '84 ms'],
  [999, '999 ms'],
  [4_200, '4.2 s'],
  [5_000, '5 s'],
  [42_400, '42 s'],
  [59_499, '59 s'],
  [59_999, '1 min'],
  [190_000, '3 min 10 s'],
  [3_599_900, '1 h'],
  [7_500_000, '2 h 5 min'],
])('%d ms reads as %s', (ms, text) => expect(duration(ms)).toBe(text));

test('shares, counts, averages and sessions read well', () => {
  expect([0.86, 0.004, 0, 1].map(percent)).toEqual(['86 %', '0.4 %', '0 %', '100 %']);
  expect([count(1, 'session waits', 'sessions wait'), count(0, 'a', 'many')]).toEqual([
    '1 session waits',
    '0 many',
  ]);
  expect([10.84, 0.254, 3].map(decimal)).toEqual(['10.8', '0.25', '3']);
  expect(sessionName({ pid: 1, application: '', role: 'debtflow' })).toBe('pid 1 (role debtflow)');
});
