import { describe, expect, test } from 'vitest';
import { allCases, chosenCases, QUICK, skipReason } from '../../rehearsal/cases.ts';
import { parseOptions } from '../../rehearsal/options.ts';
import type { Result } from '../../rehearsal/run-case.ts';
import { table } from '../../rehearsal/table.ts';
import { createFaults } from '../../sandbox/debtflow/faults/index.ts';
import type { RehearsedFault } from '../../sandbox/debtflow/rehearsal-routes.ts';
import type { Stack } from '../../sandbox/debtflow/stack.ts';
import { MITIGATIONS } from '../../src/mitigations/index.ts';
import { PROBES } from '../../src/probes/index.ts';

// A fault touches the stack only when it is turned on.
const FAULTS: RehearsedFault[] = createFaults({ redis: null, pgbouncer: null } as Stack).map((fault) => ({
  name: fault.name,
  truth: fault.truth,
  on: false,
  unavailable: fault.unavailable ?? null,
}));

describe('cases', () => {
  test('every fault is one, and the quick ones are among them', () => {
    const names = allCases(FAULTS).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name } of FAULTS) expect(names).toContain(name);
    for (const { name } of QUICK) expect(names).toContain(name);
    // What is diagnosed at the start has to come before anything is broken.
    expect(allCases(FAULTS).findIndex(({ atStart }) => atStart)).toBe(0);
  });

  test('can be chosen by name, and a name that means none is said', () => {
    const only = (names: string[]) => chosenCases(FAULTS, { only: names, quick: true });
    expect(only(['quiet', 'idle-in-transaction']).map(({ name }) => name)).toEqual([
      'quiet',
      'idle-in-transaction',
    ]);
    expect(() => only(['nonsense', 'quiet'])).toThrow(/^there is no case nonsense; there are warming-up, /);
    expect(chosenCases(FAULTS, { only: [], quick: true })).toHaveLength(QUICK.length);
  });

  test('those that cannot be had here are skipped with the reason', () => {
    const one = (name: string) => skipReason({ name, faults: [name] }, FAULTS);
    expect(one('idle-in-transaction')).toBeNull();
    expect(one('redis-slow-command')).toMatch(/need redis-server on this machine/);
    expect(one('unheard-of')).toBe('DebtFlow has no fault unheard-of');
  });
});

test.each(FAULTS)('the truth of $name is in words that the bot knows', ({ truth }) => {
  for (const probe of truth.evidence) expect(Object.keys(PROBES)).toContain(probe);
  const known: string[] = MITIGATIONS.map(({ kind }) => kind);
  for (const kind of [...truth.harmful, ...(truth.mitigation === null ? [] : [truth.mitigation])]) {
    expect(known).toContain(kind);
  }
  expect(truth.notFirst).not.toContain(truth.cause);
  expect(truth.harmful).not.toContain(truth.mitigation);
});

describe('options', () => {
  test('are read from the command line', () => {
    expect(parseOptions([])).toEqual({ only: [], quick: false, repeat: 1, json: null });
    expect(parseOptions(['--only', 'a, b,', '--repeat', '3', '--quick', '--json', 'o.json'])).toEqual({
      only: ['a', 'b'],
      quick: true,
      repeat: 3,
      json: 'o.json',
    });
  });

  test.each([[['--repeat', '0']], [['--repeat', 'often']], [['--frob']]])('%j is refused', (args) => {
    expect(() => parseOptions(args)).toThrow();
  });
});

test('the table has a line a case, and under it why it failed or was skipped', () => {
  const base: Result = {
    ...{ case: 'idle-in-transaction', truth: ['lock-idle-in-tx'], first: 'lock-idle-in-tx', ranks: [1] },
    ...{ namedFirst: true, share: 0.354, secondsToDiagnosis: 4.5, mitigated: 'verified' },
    ...{ secondsToRecovery: 12, wrongOffers: [], verdict: 'pass', reasons: [] },
  };
  const nothing = { first: null, ranks: [null], namedFirst: false, share: null, mitigated: null };
  const results: Result[] = [
    base,
    {
      ...{ ...base, ...nothing, case: 'stale', verdict: 'fail', wrongOffers: ['x'], secondsToRecovery: null },
      reasons: ['did not find it'],
    },
    {
      ...{ ...base, ...nothing, case: 'redis', verdict: 'skipped', secondsToDiagnosis: null },
      ...{ secondsToRecovery: null, reasons: ['needs redis-server'] },
    },
  ];
  expect(table(results)).toMatchInlineSnapshot(`
    "case                 truth            rank  named first  share  to diagnosis  mitigated  to recovery  wrong offers  verdict
    idle-in-transaction  lock-idle-in-tx  1     yes          35 %   4.5 s         verified   12.0 s       0             pass
    stale                lock-idle-in-tx  –     no: nothing  –      4.5 s         –          –            1             FAIL
        did not find it
    redis                lock-idle-in-tx  –     –            –      –             –          –            –             skipped
        needs redis-server

    1 of 2 passed, 1 skipped"
  `);
});
