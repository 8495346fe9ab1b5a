import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { diagnose } from '../../src/diagnosis/diagnose.ts';
import { Diagnosis } from '../../src/diagnosis/diagnosis.ts';
import { readFacts } from '../../src/diagnosis/facts.ts';
import { buildLedger } from '../../src/diagnosis/ledger.ts';
import { PROBES, type ProbeId } from '../../src/probes/index.ts';
import type { ProbeOutcome } from '../../src/probes/probe.ts';
import { hostileText } from '../fixtures/hostile-text.ts';
import { gunicornReport } from '../fixtures/reports/gunicorn-workers.ts';
import { healthyReports } from '../fixtures/reports/healthy.ts';
import { lockWaits, scenes } from '../fixtures/reports/scenes.ts';
import { outcomesOf } from '../helpers/reports.ts';
import { arbitraryOf } from '../helpers/schema-arbitrary.ts';
import { testService } from '../helpers/test-service.ts';

const service = testService({
  targets: {
    postgres: {
      url: 'postgres://p@db/debtflow',
      actionUrl: 'postgres://a@db/debtflow',
      applicationRoles: ['debtflow'],
    },
  },
});
const LIMITED = { interruptAfterTimeLimit: 2_000, markInterruptAsFailure: false };
const TEXTS = fc.oneof(
  fc.constantFrom('debtflow', 'debtflow', 'celery', 'Lock', 'IO', 'CPU', 'active', 'idle in transaction'),
  fc.constantFrom('client backend', 'accounts_account', '42', 'keys', 'P', 'constructor', '__proto__'),
  hostileText.map((text) => text.slice(0, 200)),
);
const IDS = Object.keys(PROBES) as ProbeId[];
const CODES = ['target-timeout', 'target-unreachable', 'target-full', 'permission-denied', 'internal'];

/** Any outcome that the store may hold for a probe. */
const outcomeOf = (probeId: ProbeId): fc.Arbitrary<ProbeOutcome> => {
  const head = {
    ...{ probeId, step: PROBES[probeId].runbookStep, startedAt: '2026-03-01T12:00:00Z', durationMs: 5 },
  };
  const answered = arbitraryOf<unknown>(PROBES[probeId].report, TEXTS, 3).map((report) => ({
    ...{ ...head, status: 'answered' as const, report },
  }));
  const missing = fc
    .record({ reason: TEXTS, code: fc.constantFrom(...CODES), status: fc.constantFrom('failed', 'skipped') })
    .map((values) => ({ ...head, ...values }));
  return fc.oneof({ weight: 4, arbitrary: answered }, { weight: 1, arbitrary: missing });
};
const anyOutcomes = fc.tuple(...IDS.map(outcomeOf));
const anyScene = fc.constantFrom(...Object.keys(scenes)).map((name) => outcomesOf(scenes[name] ?? {}));
const judged = (outcomes: readonly ProbeOutcome[]) => diagnose({ service, outcomes });
const foundIds = (outcomes: readonly ProbeOutcome[]) =>
  judged(outcomes)
    .causes.filter(({ status, confidence }) => status === 'found' && confidence !== null)
    .map(({ id }) => id)
    .filter((id) => id !== 'healthy');

describe('whatever the reports say', () => {
  test('the diagnosis is one that can be stored: no throw, shares within 0 and 1, a root for each consequence', () => {
    fc.assert(
      fc.property(anyOutcomes, (outcomes) => {
        const { causes } = Diagnosis.parse(judged(outcomes));
        const found = causes.filter(({ status }) => status === 'found');
        for (const { share, confidence, status } of causes) {
          if (share !== null) expect(share).toSatisfy((n: number) => n >= 0 && n <= 1);
          if (confidence !== null) expect(confidence).toSatisfy((n: number) => n > 0 && n <= 1);
          if (status !== 'found') expect({ share, confidence }).toEqual({ share: null, confidence: null });
        }
        expect(found.some(({ consequenceOf }) => consequenceOf === undefined)).toBe(true);
        for (const { consequenceOf } of found) {
          if (consequenceOf !== undefined) expect(found.map(({ id }) => id)).toContain(consequenceOf);
        }
      }),
      { ...LIMITED, numRuns: 300 },
    );
  });

  test('the ledger adds up, no entry is negative, and a place is seen or blind', () => {
    fc.assert(
      fc.property(anyOutcomes, (outcomes) => {
        const { totalInFlight, entries, blind } = buildLedger(readFacts(service, outcomes));
        const sum = entries.reduce((total, { inFlight }) => total + inFlight, 0);
        expect(Math.abs(sum - totalInFlight)).toBeLessThanOrEqual(1e-9 * Math.max(1, totalInFlight));
        for (const { inFlight } of entries) expect(inFlight).toBeGreaterThanOrEqual(0);
        const places = [...entries, ...blind].map(({ place }) => place);
        expect(new Set(places).size).toBe(places.length);
      }),
      { ...LIMITED, numRuns: 300 },
    );
  });

  test('the order of the outcomes does not matter', () => {
    const shuffled = fc
      .oneof(anyOutcomes, anyScene)
      .chain((outcomes) =>
        fc.tuple(fc.constant(outcomes), fc.shuffledSubarray([...outcomes], { minLength: outcomes.length })),
      );
    fc.assert(
      fc.property(shuffled, ([outcomes, other]) => {
        expect(judged(other)).toEqual(judged(outcomes));
      }),
      { ...LIMITED, numRuns: 100 },
    );
  });
});

describe('of a fault', () => {
  test.each(Object.keys(scenes))('%s: the cause that the scene is named for comes first', (name) => {
    expect(judged(outcomesOf(scenes[name] ?? {})).causes[0]?.id).toBe(name.split(':')[0]);
  });

  test('a probe that did not answer makes nothing found that was not found with its answer', () => {
    const withLoss = anyScene.chain((outcomes) =>
      fc.tuple(fc.constant(outcomes), fc.subarray(outcomes.map(({ probeId }) => probeId))),
    );
    fc.assert(
      fc.property(withLoss, ([outcomes, lost]) => {
        const left = outcomes.map((one) =>
          lost.includes(one.probeId)
            ? { ...one, status: 'failed' as const, code: 'permission-denied', reason: 'denied' }
            : one,
        );
        const before = foundIds(outcomes);
        const created = foundIds(left).filter((id) => !before.includes(id));
        expect({ lost, created }).toEqual({ lost, created: [] });
      }),
      { ...LIMITED, numRuns: 400 },
    );
  });

  test('the more requests wait for a lock, the higher it ranks', () => {
    // Ten requests are in flight all the time; those that wait for no lock are outside.
    const others = { ...scenes['downstream-api-slow'], 'gunicorn-workers': gunicornReport(10) };
    const lock = (waiters: number) => {
      const { causes } = judged(outcomesOf({ ...others, ...lockWaits(waiters) }));
      const at = causes.findIndex(({ id }) => id === 'lock-idle-in-tx');
      return { at, share: causes[at]?.share ?? 0 };
    };
    const looks = [1, 2, 4, 6, 8].map(lock);
    expect(looks.map(({ at }) => at)).toEqual(looks.map(({ at }) => at).toSorted((a, b) => b - a));
    expect(looks.at(0)?.at).toBeGreaterThan(0);
    expect(looks.at(-1)).toEqual({ at: 0, share: 0.8 });
    expect(looks.map(({ share }) => share)).toEqual(
      looks.map(({ share }) => share).toSorted((a, b) => a - b),
    );
  });
});

test('a healthy system, on any healthy day, gets no cause and no offer', () => {
  fc.assert(
    fc.property(healthyReports, (reports) => {
      const { verdict, causes, severity } = judged(outcomesOf(reports));
      expect({ verdict, severity, first: causes[0]?.id }).toEqual({
        ...{ verdict: 'healthy', severity: 'none', first: 'healthy' },
      });
      expect(causes.flatMap(({ mitigations }) => mitigations)).toEqual([]);
    }),
    { ...LIMITED, numRuns: 300 },
  );
});
