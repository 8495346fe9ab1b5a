import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { IncidentDeps } from '../../src/incidents/deps.ts';
import { keepAlive, SILENCE_MS } from '../../src/incidents/running.ts';
import type { Database } from '../../src/store/database.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { mitigation } from '../fixtures/incident-view.ts';

/** A store that can be taken away, and counts what it hears. */
function storeThatCounts() {
  const store = { heard: 0, away: false };
  const query = async () => {
    if (store.away) throw new Error('the store does not answer');
    store.heard += 1;
    return { rows: [{ stopAsked: false }], rowCount: 1 };
  };
  const db = { query, transaction: (work: (on: unknown) => unknown) => work({ query }) };
  return { store, db: db as unknown as Database };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function begin() {
  const { store, db } = storeThatCounts();
  const deps = { db, log: createLog({ level: 'silent' }) } as IncidentDeps;
  const row = mitigation({ state: 'executing', claim: '7f1c1d6e-0000-4000-8000-000000000000' });
  return { store, running: keepAlive(deps, row) };
}

test('says every two seconds that it lives', async () => {
  const { store, running } = begin();
  await vi.advanceTimersByTimeAsync(20_500);
  expect(store.heard).toBeGreaterThanOrEqual(9);
  expect(store.heard).toBeLessThanOrEqual(10);
  await running.end();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(store.heard).toBeLessThanOrEqual(10);
});

test('stops by itself before others take it for dead, when the store does not hear it', async () => {
  const { store, running } = begin();
  await vi.advanceTimersByTimeAsync(4_000);
  store.away = true;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(running.signal.aborted).toBe(false);
  await vi.advanceTimersByTimeAsync(SILENCE_MS - 10_000);
  expect(running.signal.aborted).toBe(true);
  await running.end();
});

test('a store that is away for a moment does not stop it', async () => {
  const { store, running } = begin();
  store.away = true;
  await vi.advanceTimersByTimeAsync(9_000);
  store.away = false;
  await vi.advanceTimersByTimeAsync(30_000);
  expect(running.signal.aborted).toBe(false);
  await running.end();
});

test('words of progress are told at most once a second, the last one wins', async () => {
  const { store, running } = begin();
  for (let step = 0; step < 100; step++) {
    running.progress(`${step} of 100`);
    await vi.advanceTimersByTimeAsync(30);
  }
  // Locking the incident, the sign of life, raising the revision and telling the publisher: four each.
  expect(store.heard).toBeLessThanOrEqual(3 * 4);
  expect(store.heard).toBeGreaterThanOrEqual(2 * 4);
  await running.end();
});
