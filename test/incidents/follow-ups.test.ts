import { afterAll, beforeAll, expect, test } from 'vitest';
import { sweepFollowUps } from '../../src/incidents/follow-ups.ts';
import { isQuiet } from '../../src/incidents/quiet-hours.ts';
import { askReport } from '../../src/incidents/report.ts';
import type { Incident } from '../../src/store/incidents.ts';
import { idleTransaction } from '../fixtures/incident-view.ts';
import { ASKER, createWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

async function remindersOf({ id }: Incident): Promise<unknown[]> {
  const { rows } = await world.db.query<{ data: { of: string; times: number } }>(
    "select data from timeline where incident_id = $1 and kind = 'reminded' order by id",
    [id],
  );
  return rows.map(({ data }) => `${data.of} ${data.times}`);
}

const back = (sql: string, { id }: Incident) => world.db.query(sql, [id]);

test('nobody leads: reminded once per interval, by one of many who sweep, until somebody does', async () => {
  const incident = await world.openIncident();
  await back('update incidents set lead = null where id = $1', incident);
  await sweepFollowUps(world.deps);
  expect(await remindersOf(incident)).toEqual([]);
  await back("update incidents set opened_at = opened_at - interval '11 minutes' where id = $1", incident);
  await Promise.all(Array.from({ length: 5 }, () => sweepFollowUps(world.deps)));
  expect(await remindersOf(incident)).toEqual(['no-lead 1']);
  await back(
    "update follow_ups set reminded_at = reminded_at - interval '5 hours' where incident_id = $1",
    incident,
  );
  await sweepFollowUps(world.deps);
  expect(await remindersOf(incident)).toEqual(['no-lead 1', 'no-lead 2']);
  await back("update incidents set lead = 'UASKER' where id = $1", incident);
  await back(
    "update follow_ups set reminded_at = reminded_at - interval '5 hours' where incident_id = $1",
    incident,
  );
  await sweepFollowUps(world.deps);
  expect(await remindersOf(incident)).toHaveLength(2);
});

async function resolved(diagnosis: object = idleTransaction): Promise<Incident> {
  const incident = await world.openIncident();
  await world.db.query(
    `insert into runs (incident_id, service, kind, requested_by, state, deadline_at, finished_at, diagnosis)
     values ($1, $2, 'triage', 'UASKER', 'finished', now(), now(), $3)`,
    [incident.id, incident.service, JSON.stringify(diagnosis)],
  );
  await back(
    "update incidents set state = 'resolved', resolved_at = clock_timestamp() - interval '25 hours' where id = $1",
    incident,
  );
  return incident;
}

test('a report that nobody opened is reminded of; one that was is not, nor where nothing was wrong', async () => {
  const [unread, read, healthy] = [
    await resolved(),
    await resolved(),
    await resolved({ verdict: 'healthy' }),
  ];
  await askReport(world.deps, read.id, ASKER);
  await sweepFollowUps(world.deps);
  expect(await remindersOf(unread)).toEqual(['no-report 1']);
  expect(await remindersOf(read)).toEqual([]);
  expect(await remindersOf(healthy)).toEqual([]);
});

test('nobody is reminded in the quiet hours', async () => {
  const quietHours = { from: '00:00', to: '23:59', zone: 'UTC' };
  const incident = await world.openIncident({ incidents: { quietHours } });
  await back(
    "update incidents set lead = null, opened_at = opened_at - interval '1 hour' where id = $1",
    incident,
  );
  const last = new Date().toISOString().slice(11, 16) === '23:59';
  await sweepFollowUps(world.deps);
  expect(await remindersOf(incident)).toEqual(last ? ['no-lead 1'] : []);
});

test.each([
  ['22:00', '07:00', 'UTC', '2026-11-23T23:30:00Z', true],
  ['22:00', '07:00', 'UTC', '2026-11-23T06:59:59Z', true],
  ['22:00', '07:00', 'UTC', '2026-11-23T07:00:00Z', false],
  ['22:00', '07:00', 'UTC', '2026-11-23T21:59:00Z', false],
  ['12:00', '13:00', 'UTC', '2026-11-23T12:30:00Z', true],
  ['12:00', '13:00', 'UTC', '2026-11-23T13:00:00Z', false],
  // Berlin is one hour ahead in winter, two in summer.
  ['22:00', '07:00', 'Europe/Berlin', '2026-11-23T21:00:00Z', true],
  ['22:00', '07:00', 'Europe/Berlin', '2026-07-23T20:00:00Z', true],
  ['22:00', '07:00', 'Europe/Berlin', '2026-07-23T19:59:00Z', false],
  ['22:00', '07:00', 'Asia/Kolkata', '2026-11-23T16:30:00Z', true],
  ['08:00', '08:00', 'UTC', '2026-11-23T08:00:00Z', false],
])('quiet from %s to %s in %s, at %s: %s', (from, to, zone, at, quiet) => {
  expect(isQuiet(new Date(at), { from, to, zone })).toBe(quiet);
});

test('without quiet hours it is never quiet', () => {
  expect(isQuiet(new Date(), undefined)).toBe(false);
});
