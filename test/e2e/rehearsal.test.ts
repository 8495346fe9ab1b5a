import { expect, test } from 'vitest';
import { QUICK } from '../../rehearsal/cases.ts';
import { parseOptions } from '../../rehearsal/options.ts';
import { rehearse } from '../../rehearsal/rehearse.ts';
import { table } from '../../rehearsal/table.ts';

const DEADLINE_MS = 300_000;

test('npm run rehearse -- --quick: every case is diagnosed as it is', {
  timeout: DEADLINE_MS,
  retry: process.env.CI ? 1 : 0,
}, async () => {
  const results = await rehearse(parseOptions(['--quick']));
  const verdicts = table(results);
  console.log(verdicts);
  expect(results.map((result) => result.case).toSorted()).toEqual(QUICK.map(({ name }) => name).toSorted());
  expect(
    results.filter(({ verdict }) => verdict === 'fail'),
    verdicts,
  ).toEqual([]);
  // Whatever may be skipped for want of a server, these need none.
  const passed = results.filter(({ verdict }) => verdict === 'pass').map((result) => result.case);
  expect(passed).toEqual(expect.arrayContaining(['warming-up', 'quiet', 'idle-in-transaction']));
  const approved = results.find((result) => result.case === 'idle-in-transaction');
  expect(approved).toMatchObject({ mitigated: 'verified', secondsToRecovery: expect.any(Number) });
});
