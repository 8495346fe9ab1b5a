import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { claimSample, findBaseline, type HealthySample, keepSample } from '../../src/store/baselines.ts';
import type { Database } from '../../src/store/database.ts';
import { insertIncident } from '../../src/store/incidents.ts';
import { openTestStore } from '../helpers/test-store.ts';

let store: Awaited<ReturnType<typeof openTestStore>>;
let db: Database;
beforeAll(async () => {
  store = await openTestStore();
  db = store.db;
});
afterAll(() => store.close());

const newService = () => `service-${randomBytes(4).toString('hex')}`;
const GAPS = { firstMs: 60_000, mostMs: 300_000 };

function sample(overrides: Partial<HealthySample> = {}): HealthySample {
  return {
    ...{ p95Ms: 100, rps: 50, errorRate: 0.001, seconds: 3 },
    statements: [{ role: 'api', fingerprint: 'aa', calls: 150, totalMs: 300 }],
    ...overrides,
  };
}

/** Moves what was kept into the past, as if it had been kept then. */
async function age(service: string, interval: string): Promise<void> {
  for (const table of ['baseline_hours', 'baseline_statements'])
    await db.query(`update ${table} set hour = hour - $2::interval where service = $1`, [service, interval]);
}

test('averages what was kept, by statement and for the API', async () => {
  const service = newService();
  expect(await findBaseline(db, service)).toBeUndefined();
  await keepSample(db, service, sample());
  await keepSample(db, service, sample({ p95Ms: 200, rps: 100, errorRate: null, statements: [] }));
  const baseline = await findBaseline(db, service);
  expect(baseline?.samples).toBe(2);
  expect(baseline?.api).toEqual({ samples: 2, p95Ms: 150, rps: 75, errorRate: 0.001 });
  // 150 calls in 6 s and 450 requests: the sample in which it did not run counts.
  expect(baseline?.statements).toEqual([
    { role: 'api', fingerprint: 'aa', samples: 1, meanMs: 2, callsPerSecond: 25, callsPerRequest: 150 / 450 },
  ]);
  expect(baseline?.yesterday).toBeNull();
});

test('a sample without statements says nothing about their rates', async () => {
  const service = newService();
  await keepSample(db, service, sample());
  await keepSample(db, service, sample({ seconds: 0, statements: [] }));
  expect((await findBaseline(db, service))?.statements[0]?.callsPerSecond).toBe(50);
});

test('yesterday and last week are those of the same time of the day', async () => {
  const service = newService();
  await keepSample(db, service, sample({ rps: 10 }));
  await age(service, '7 days');
  await keepSample(db, service, sample({ rps: 20 }));
  await age(service, '6 hours');
  expect((await findBaseline(db, service))?.yesterday).toBeNull();
  await age(service, '18 hours');
  await keepSample(db, service, sample({ rps: 60 }));
  const baseline = await findBaseline(db, service);
  expect(baseline?.yesterday?.rps).toBe(20);
  expect(baseline?.lastWeek).toBeNull(); // by now it is 8 days old
  expect(baseline?.api?.rps).toBe(40);
});

test('what is older than 8 days is gone, and an hour keeps its 200 most frequent statements', async () => {
  const service = newService();
  await keepSample(db, service, sample());
  await age(service, '9 days');
  const many = Array.from({ length: 250 }, (_, i) => ({
    role: 'api',
    fingerprint: `f${i}`,
    calls: 1,
    totalMs: i,
  }));
  await keepSample(db, service, sample({ statements: many }));
  const { rows } = await db.query<{ fingerprint: string }>(
    'select fingerprint from baseline_statements where service = $1',
    [service],
  );
  expect(rows).toHaveLength(200);
  expect(rows.map(({ fingerprint }) => fingerprint)).toContain('f249');
  expect(rows.map(({ fingerprint }) => fingerprint)).not.toContain('aa');
});

test('one process takes a sample, and the gaps grow with what was kept', async () => {
  const service = newService();
  const claims = await Promise.all([1, 2, 3, 4].map(() => claimSample(db, service, GAPS)));
  expect(claims.filter(Boolean)).toHaveLength(1);
  const gapS = async () => {
    await db.query(
      "update baseline_keepers set next_at = clock_timestamp() - interval '1 s' where service = $1",
      [service],
    );
    expect(await claimSample(db, service, GAPS)).toBe(true);
    const { rows } = await db.query<{ gap: number }>(
      'select extract(epoch from next_at - clock_timestamp())::float8 as gap from baseline_keepers where service = $1',
      [service],
    );
    return Math.round((rows[0]?.gap ?? 0) / 60);
  };
  expect(await gapS()).toBe(1);
  await keepSample(db, service, sample());
  expect(await gapS()).toBe(2);
  for (let i = 0; i < 5; i += 1) await keepSample(db, service, sample());
  expect(await gapS()).toBe(5);
});

test('nothing is claimed or kept while an incident is open', async () => {
  const service = newService();
  await insertIncident(db, { service, channel: 'C1', openedBy: 'U1', lead: null });
  expect(await claimSample(db, service, GAPS)).toBe(false);
  expect(await keepSample(db, service, sample())).toBe(false);
  expect(await findBaseline(db, service)).toBeUndefined();
  await db.query("update incidents set state = 'resolved' where service = $1", [service]);
  expect(await claimSample(db, service, GAPS)).toBe(true);
});
