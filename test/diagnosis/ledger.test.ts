import { expect, test } from 'vitest';
import { readFacts } from '../../src/diagnosis/facts.ts';
import { buildLedger, lockWaitByRoot } from '../../src/diagnosis/ledger.ts';
import type { Reports } from '../../src/probes/index.ts';
import { activeReport, latencyReport, lockNode, lockReport, outcomesOf } from '../helpers/reports.ts';
import { testService } from '../helpers/test-service.ts';

const service = testService({
  targets: { postgres: { url: 'postgres://p@db/d', applicationRoles: ['debtflow'] } },
});
const facts = (reports: Partial<Reports>) => readFacts(service, outcomesOf(reports));
const place = (reports: Partial<Reports>) =>
  Object.fromEntries(buildLedger(facts(reports)).entries.map((entry) => [entry.place, entry.inFlight]));

test('requests in flight are split over the places where they were', () => {
  const ledger = buildLedger(
    facts({
      'api-latency': latencyReport({}, 12.5),
      'active-queries': activeReport([
        ['Lock', 'tuple', 8],
        ['IO', 'DataFileRead', 1],
        ['LWLock', 'WALWrite', 0.5],
        ['CPU', 'on-cpu', 0.5],
        ['CPU', 'on-cpu', 9, 'analyst'],
      ]),
    }),
  );
  expect(ledger).toMatchObject({
    totalInFlight: 12.5,
    fromCompletions: 12.5,
    fromStates: 10,
    entries: [
      { place: 'lock-wait', inFlight: 8 },
      { place: 'unknown', inFlight: 2.5 },
      { place: 'db-io', inFlight: 1.5 },
      { place: 'db-cpu', inFlight: 0.5 },
    ],
  });
  expect(ledger.blind).toContainEqual({
    place: 'worker-queue',
    reason: 'not configured',
  });
});

test('requests that hang do not complete: then the states count', () => {
  const reports = {
    'api-latency': latencyReport({}, 0.4),
    'active-queries': activeReport([['Lock', 'tuple', 11]]),
  };
  expect(buildLedger(facts(reports))).toMatchObject({
    totalInFlight: 11,
    fromCompletions: 0.4,
    fromStates: 11,
  });
});

test('a request with parallel workers is one request', () => {
  const active = { ...activeReport([['CPU', 'on-cpu', 3]]), applicationActive: 1 };
  expect(place({ 'active-queries': active })).toMatchObject({ 'db-cpu': 1, unknown: 0 });
});

test('without the samples the lock tree still shows who waits, and the rest is blind', () => {
  const tree = lockReport([
    lockNode({ pid: 1, state: 'idle in transaction' }),
    lockNode({ pid: 2, blockedBy: [1] }),
  ]);
  const ledger = buildLedger(facts({ 'lock-tree': tree }));
  expect(ledger).toMatchObject({
    totalInFlight: 1,
    entries: [{ place: 'lock-wait', inFlight: 1 }, { place: 'unknown' }],
  });
  expect(ledger.blind).toContainEqual({ place: 'db-cpu', reason: 'no answer' });
});

test('a waiter under two roots counts half for each', () => {
  const reports = {
    'active-queries': activeReport([['Lock', 'relation', 4]]),
    'lock-tree': lockReport([
      lockNode({ pid: 1, state: 'idle in transaction' }),
      lockNode({ pid: 2, state: 'idle in transaction' }),
      lockNode({ pid: 3, blockedBy: [1, 2] }),
      lockNode({ pid: 4, blockedBy: [1] }),
    ]),
  };
  const shares = lockWaitByRoot(facts(reports), buildLedger(facts(reports)));
  expect([...shares]).toEqual([
    [1, 3],
    [2, 1],
  ]);
});
