import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { applyWaiting, startAlertDrain } from '../../src/incidents/alerts-drain.ts';
import { sweepLife } from '../../src/incidents/life.ts';
import { openIncident } from '../../src/incidents/open-incident.ts';
import { type IncomingAlert, storeDeliveries } from '../../src/store/alert-inbox.ts';
import { alertsOf, reportedIssuesOf } from '../../src/store/alerts.ts';
import { firstBrokenLink } from '../../src/store/audit.ts';
import { changeIncidentState, type Incident, storeSeverity } from '../../src/store/incidents.ts';
import { alertAt } from './alerts-samples.ts';
import { timelineOf } from './offers.ts';
import { createWorld, triggerOf, type World } from './world.ts';

let world: World;
let service: string;
let sent = 0;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());
beforeEach(() => {
  service = world.addService();
});

const coolDownMs = 30 * 60_000;

/** Alerts that were answered 2xx. */
async function stored(...alerts: IncomingAlert[]): Promise<void> {
  sent += 1;
  const delivery = {
    source: 'alertmanager' as const,
    bodyHash: `body ${sent}`,
    bytes: 1,
    dedupeMs: 1_000,
    kept: null,
  };
  await storeDeliveries(world.db, [{ ...delivery, alerts: alerts.map((alert) => ({ service, alert })) }]);
}

async function apply(...alerts: IncomingAlert[]): Promise<void> {
  await stored(...alerts);
  const configured = world.deps.services.get(service);
  if (!configured) throw new Error('no service');
  expect(await applyWaiting(world.deps, configured, { coolDownMs })).toBe(alerts.length);
}

async function incidents(): Promise<Incident[]> {
  const { rows } = await world.db.query<Incident>(
    'select id, state, severity, revision, alert_count as "alertCount" from incidents where service = $1 order by id',
    [service],
  );
  return rows;
}

async function only(): Promise<Incident> {
  const [one, ...others] = await incidents();
  if (!one || others.length > 0) throw new Error(`${others.length + (one ? 1 : 0)} incidents`);
  return one;
}

async function runs(): Promise<number> {
  return (await world.db.query('select from runs where service = $1', [service])).rows.length;
}

async function endRuns(): Promise<void> {
  await world.store.query('update runs set state = $1 where service = $2', ['finished', service]);
}

describe('one incident', () => {
  test('the first alert opens it and has the service looked at, the others join it', async () => {
    await apply(alertAt('firing', 0));
    expect(await only()).toMatchObject({ state: 'investigating', alertCount: 1 });
    expect(await runs()).toBe(1);
    await apply(
      alertAt('firing', 0),
      alertAt('firing', 1, 1, 'celery time-outs'),
      alertAt('firing', 1, 1, '504'),
    );
    const { id } = await only();
    expect((await only()).alertCount).toBe(4);
    expect(await alertsOf(world.db, id)).toMatchObject([
      { title: 'p95 of k', count: 2, status: 'firing' },
      { title: 'p95 of celery time-outs', count: 1 },
      { title: 'p95 of 504', count: 1 },
    ]);
    expect(await timelineOf(world, id)).toEqual(['opened', 'run-started', 'alerts-joined']);
    expect(await firstBrokenLink(world.db)).toBeNull();
  });

  test('a batch of two thousand raises the revision as one of two does', async () => {
    await apply(alertAt('firing', 0));
    const before = await only();
    await apply(alertAt('firing', 1, 1, 'x'), alertAt('firing', 1, 1, 'y'));
    const two = await only();
    await apply(...Array.from({ length: 2_000 }, (_, i) => alertAt('firing', 2, 2, `z${i}`)));
    const many = await only();
    expect(many.revision - two.revision).toBe(two.revision - before.revision);
    expect(many.alertCount).toBe(2_003);
  });

  test('it is the one that somebody opened by hand', async () => {
    const { incident } = await openIncident(world.deps, triggerOf(service));
    await apply(alertAt('firing', 0));
    expect(await only()).toMatchObject({ id: incident.id, alertCount: 2 });
  });

  test('hands and alerts at once open one', async () => {
    const configured = world.deps.services.get(service);
    await stored(alertAt('firing', 0));
    if (!configured) throw new Error('no service');
    await Promise.all([
      applyWaiting(world.deps, configured, { coolDownMs }),
      ...Array.from({ length: 20 }, () => openIncident(world.deps, triggerOf(service))),
      applyWaiting(world.deps, configured, { coolDownMs }),
    ]);
    expect((await only()).alertCount).toBe(21);
  });
});

describe('the end', () => {
  test('when nothing fires any more it is watched; a new alert brings it back with a fresh look', async () => {
    await apply(alertAt('firing', 0), alertAt('firing', 0, 0, 'l'));
    await apply(alertAt('resolved', 0, 5));
    expect((await only()).state).toBe('investigating');
    await apply(alertAt('resolved', 0, 6, 'l'));
    expect((await only()).state).toBe('monitoring');
    await endRuns();
    // Repeated by its sender, or late: nothing new.
    await apply(alertAt('firing', 0), alertAt('resolved', 0, 5));
    expect([(await only()).state, await runs()]).toEqual(['monitoring', 1]);
    await apply(alertAt('firing', 7));
    expect([(await only()).state, await runs()]).toEqual(['investigating', 2]);
  });

  test('an end without a beginning is kept, and opens nothing', async () => {
    await apply(alertAt('resolved', 0, 5));
    expect(await incidents()).toEqual([]);
    await apply(alertAt('firing', 0));
    expect(await incidents()).toEqual([]);
    await apply(alertAt('firing', 6));
    expect(await alertsOf(world.db, (await only()).id)).toMatchObject([{ status: 'firing', count: 1 }]);
  });

  test('within the cool-down the same incident is opened again, after it a new one', async () => {
    await apply(alertAt('firing', 0));
    const { id } = await only();
    await changeIncidentState(world.db, id, ['investigating'], 'resolved', 'UBOSS');
    await endRuns();
    await apply(alertAt('firing', 0));
    expect(await only()).toMatchObject({ id, state: 'resolved' });
    await apply(alertAt('firing', 10));
    expect(await only()).toMatchObject({ id, state: 'investigating' });
    expect(await timelineOf(world, id)).toContain('reopened');
    expect(await runs()).toBe(2);

    await changeIncidentState(world.db, id, ['investigating'], 'resolved', 'UBOSS');
    await endRuns();
    await world.store.query(
      "update incidents set resolved_at = resolved_at - interval '31 minutes' where id = $1",
      [id],
    );
    // Its sender never said that it is over, and it fires still.
    await apply(alertAt('firing', 10));
    expect(await incidents()).toMatchObject([{ id, state: 'resolved' }, { state: 'investigating' }]);
  });

  test('an old alert that is repeated joins the incident that is open now, and ends there', async () => {
    await apply(alertAt('firing', 0));
    const { id } = await only();
    await changeIncidentState(world.db, id, ['investigating'], 'resolved', 'UBOSS');
    const { incident } = await openIncident(world.deps, triggerOf(service));
    await apply(alertAt('firing', 0));
    expect(await alertsOf(world.db, incident.id)).toMatchObject([{ status: null }, { status: 'firing' }]);
    await apply(alertAt('resolved', 0, 9));
    const { rows } = await world.db.query("select from alerts where service = $1 and status = 'firing'", [
      service,
    ]);
    expect(rows).toHaveLength(0);
    expect((await incidents()).at(-1)?.state).toBe('monitoring');
  });
});

describe('the severity', () => {
  const measured = (value: number, unit: 'ms' | 'ratio') => ({
    ...alertAt('firing', 0),
    metric: { value, unit, threshold: null },
  });

  test.each([
    [measured(10_001, 'ms'), 'P1'],
    [measured(9_999, 'ms'), 'P2'],
    [measured(0.051, 'ratio'), 'P1'],
    [measured(0.049, 'ratio'), 'P2'],
    [{ ...alertAt('firing', 0), severity: 'critical' as const }, 'P2'],
  ])('%o is %s', async (alert, severity) => {
    await apply(alert);
    expect((await only()).severity).toBe(severity);
  });
});

test('an alert during a run gets a fresh look once that has ended', async () => {
  await apply(alertAt('firing', 0));
  const { id } = await only();
  await apply(alertAt('resolved', 0, 5));
  await apply(alertAt('firing', 6));
  expect([(await only()).state, await runs()]).toEqual(['investigating', 1]);
  await sweepLife(world.deps);
  expect(await runs()).toBe(1);
  await endRuns();
  await sweepLife(world.deps);
  expect(await runs()).toBe(2);
  await endRuns();
  await sweepLife(world.deps);
  expect(await runs()).toBe(2);
  expect(await timelineOf(world, id)).toEqual([
    ...['opened', 'run-started', 'alerts-resolved', 'alert-again', 'run-started'],
  ]);
});

test('what a process stored that is gone is applied by the next', async () => {
  await stored(alertAt('firing', 0));
  const drain = startAlertDrain(world.deps, { coolDownMs });
  try {
    await expect.poll(incidents, { timeout: 20_000 }).toMatchObject([{ alertCount: 1 }]);
  } finally {
    await drain.stop();
  }
});

test('what Sentry recognised is known to the diagnosis, once', async () => {
  const nPlusOne = { issueKind: 'n-plus-one' as const, transaction: '/payments/', source: 'sentry' as const };
  await apply(
    { ...alertAt('firing', 0, 0, 'a'), ...nPlusOne },
    { ...alertAt('firing', 0, 0, 'b'), ...nPlusOne },
    alertAt('firing', 0, 0, 'c'),
  );
  expect(await reportedIssuesOf(world.db, (await only()).id)).toEqual([
    { source: 'sentry', kind: 'n-plus-one', transaction: '/payments/' },
  ]);
});

test('a person who lowered the severity is only overruled by something worse', async () => {
  const slow = (value: number, at: number) => ({
    ...alertAt('firing', at),
    metric: { value, unit: 'ms' as const, threshold: null },
  });
  await apply(slow(20_000, 0));
  const { id } = await only();
  expect((await only()).severity).toBe('P1');
  await storeSeverity(world.db, id, 'P2', 'nobody notices', { p95Ms: 20_000, errorRate: null });
  await apply(slow(20_500, 1));
  expect((await only()).severity).toBe('P2');
  await apply(slow(40_000, 2));
  expect((await only()).severity).toBe('P1');
});

test('when the audit log cannot be written the alerts wait', async () => {
  await stored(alertAt('firing', 0));
  const configured = world.deps.services.get(service);
  if (!configured) throw new Error('no service');
  await world.store.query('alter table audit rename to audit_gone');
  try {
    await expect(applyWaiting(world.deps, configured, { coolDownMs })).rejects.toThrow(/audit/);
    expect(await incidents()).toEqual([]);
  } finally {
    await world.store.query('alter table audit_gone rename to audit');
  }
  expect(await applyWaiting(world.deps, configured, { coolDownMs })).toBe(1);
  expect((await only()).alertCount).toBe(1);
});
