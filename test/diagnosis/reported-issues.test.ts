import { expect, test } from 'vitest';
import { diagnose } from '../../src/diagnosis/diagnose.ts';
import { healthyNPlusOneReport, lookup } from '../fixtures/reports/n-plus-one.ts';
import { scenes } from '../fixtures/reports/scenes.ts';
import { outcomesOf, slow } from '../helpers/reports.ts';
import { testService } from '../helpers/test-service.ts';

const service = testService();
const issue = (transaction: string) => ({ source: 'sentry', kind: 'n-plus-one' as const, transaction });
const repeated = outcomesOf({ 'api-latency': slow(), 'n-plus-one': healthyNPlusOneReport([lookup()]) });

function evidenceOf(
  issues: Parameters<typeof diagnose>[0]['issues'] & object,
  outcomes = repeated,
): string[] {
  const { causes } = diagnose({ service, outcomes, issues });
  return causes.find(({ id }) => id === 'n-plus-one')?.evidence.map(({ text }) => text) ?? [];
}

test('N+1 queries that Sentry recognised are evidence of N+1, each place once', () => {
  const said = evidenceOf([issue('/payments/'), issue('/payments/'), issue('/accounts/')]);
  expect(said.filter((text) => text.includes('sentry'))).toEqual([
    'an alert of sentry reports N+1 queries in /payments/',
    'an alert of sentry reports N+1 queries in /accounts/',
  ]);
});

test('another kind of issue is no evidence of it', () => {
  const slowView = { source: 'sentry', kind: 'slow-view' as const, transaction: '/payments/' };
  expect(evidenceOf([slowView])).toEqual(evidenceOf([]));
});

test('without the lookups being seen, the word of an alert proves nothing', () => {
  for (const [name, reports] of Object.entries(scenes)) {
    const outcomes = outcomesOf(reports);
    const found = (issues: ReturnType<typeof issue>[]) =>
      diagnose({ service, outcomes, issues }).causes.flatMap(({ id, status }) =>
        status === 'found' ? [id] : [],
      );
    expect(found([issue('/payments/')]), name).toEqual(found([]));
  }
});
