import { expect, test } from 'vitest';
import { readFacts } from '../../src/diagnosis/facts.ts';
import { symptomsOf } from '../../src/diagnosis/symptoms.ts';
import { gunicornReport } from '../fixtures/reports/gunicorn-workers.ts';
import { latencyReport, outcomesOf } from '../helpers/reports.ts';
import { testService } from '../helpers/test-service.ts';

const symptoms = (waiting: number | null) => {
  const backlog = waiting === null ? null : { average: waiting, max: 60, last: 1, samples: [1], limit: 128 };
  const reports = {
    'api-latency': latencyReport({ rps: 20 }),
    'gunicorn-workers': gunicornReport(1, 0, { backlog }),
  };
  return symptomsOf(readFacts(testService(), outcomesOf(reports)));
};

test('requests that wait for a worker complain, though their own latency does not contain it', () => {
  expect(symptoms(40)).toMatchObject({
    queueMs: 2_000,
    complaints: ['requests wait 2 s on average before a worker takes them'],
  });
  expect(symptoms(40).latencyMs).toBe(2_084);
  expect(symptoms(0.5)).toMatchObject({ queueMs: 25, complaints: [] });
});

test('a queue that nobody saw says nothing', () => {
  expect(symptoms(null)).toMatchObject({ queueMs: null, complaints: [], latencyMs: 84 });
});
