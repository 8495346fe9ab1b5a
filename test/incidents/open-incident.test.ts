import { afterAll, beforeAll, expect, test } from 'vitest';
import { resolveIncident } from '../../src/incidents/lead.ts';
import { openIncident } from '../../src/incidents/open-incident.ts';
import { firstBrokenLink } from '../../src/store/audit.ts';
import { findIncident } from '../../src/store/incidents.ts';
import { listTimeline } from '../../src/store/timeline.ts';
import { audited, timelineOf } from './offers.ts';
import { ASKER, createWorld, triggerOf, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

const fifty = Array.from({ length: 50 }, (_, i) => `U${i}`);

test('fifty triggers at once are one incident, and none of them is lost', async () => {
  const service = world.addService();
  const opened = await Promise.all(fifty.map((user) => openIncident(world.deps, triggerOf(service, user))));

  const ids = new Set(opened.map(({ incident }) => incident.id));
  expect(ids.size).toBe(1);
  expect(opened.filter((one) => one.opened)).toHaveLength(1);
  const [id = 0] = ids;
  const incident = await findIncident(world.db, id);
  expect(incident).toMatchObject({ state: 'investigating', alertCount: 50 });
  const timeline = await listTimeline(world.db, id);
  expect(timeline.map((entry) => entry.kind).sort()).toEqual([...Array(49).fill('joined'), 'opened']);
  expect(timeline.map((entry) => entry.actor).sort()).toEqual([...fifty].sort());
  // The one who opened it leads it, not one of those who joined.
  expect(incident?.lead).toBe(timeline.find((entry) => entry.kind === 'opened')?.actor);
  expect(await audited(world, `incident:${id}`)).toHaveLength(50);
  expect(await firstBrokenLink(world.db)).toBeNull();
});

test('after it was resolved, the next trigger opens a new one', async () => {
  const first = await world.openIncident();
  expect(await resolveIncident(world.deps, first.id, ASKER)).toMatchObject({
    incident: { state: 'resolved' },
  });
  const next = await openIncident(world.deps, triggerOf(first.service));
  expect(next).toMatchObject({ opened: true, incident: { alertCount: 1, state: 'investigating' } });
  expect(next.incident.id).not.toBe(first.id);
  expect((await findIncident(world.db, first.id))?.alertCount).toBe(1);
});

test('triggers that race with the end of the incident all land in one that exists', async () => {
  const first = await world.openIncident();
  const [, ...opened] = await Promise.all([
    resolveIncident(world.deps, first.id, ASKER),
    ...fifty.map((user) => openIncident(world.deps, triggerOf(first.service, user))),
  ]);
  const { rows } = await world.db.query<{ id: number; state: string; n: number }>(
    'select id, state, alert_count as n from incidents where service = $1 order by id',
    [first.service],
  );
  expect(rows.filter((row) => row.state !== 'resolved').length).toBeLessThanOrEqual(1);
  expect(rows.reduce((sum, row) => sum + row.n, 0)).toBe(51);
  for (const { incident } of opened) expect(rows.map((row) => row.id)).toContain(incident.id);
});

test('two services have an incident each', async () => {
  const [one, two] = [await world.openIncident(), await world.openIncident()];
  expect(one.id).not.toBe(two.id);
  expect(await timelineOf(world, one.id)).toEqual(['opened']);
  expect(await timelineOf(world, two.id)).toEqual(['opened']);
});

test('an alert without a person opens one that nobody leads yet', async () => {
  const { incident } = await openIncident(world.deps, triggerOf(world.addService(), null));
  expect(incident).toMatchObject({ openedBy: 'slash-command', lead: null });
});

test('when the audit log cannot be written, nothing is opened', async () => {
  const service = world.addService();
  await world.store.query('alter table audit rename to audit_gone');
  try {
    await expect(openIncident(world.deps, triggerOf(service))).rejects.toThrow(/audit/);
  } finally {
    await world.store.query('alter table audit_gone rename to audit');
  }
  expect((await world.db.query('select from incidents where service = $1', [service])).rows).toHaveLength(0);
});

test.each([
  ['a NUL', 'slow\u0000 api'],
  ['half a surrogate pair', 'slow \ud83d api'],
  ['markup', '<!channel> *slow* `api` <https://evil.example|click>'],
  ['quotes', `slow"); drop table incidents; --'`],
])('a title with %s is stored', async (_what, title) => {
  const trigger = { ...triggerOf(world.addService()), title, data: { label: title, [title]: [title] } };
  const { incident } = await openIncident(world.deps, trigger);
  const { rows } = await world.db.query<{ title: string; data: { label: string } }>(
    'select title, data from alerts where incident_id = $1',
    [incident.id],
  );
  // What PostgreSQL cannot hold is left out or replaced; the rest stays as it came.
  const shape = (text: string) => text.replace(/[^a-z <>!*]/g, '');
  expect(shape(rows[0]?.title ?? '')).toBe(shape(title));
  expect(shape(rows[0]?.data.label ?? '')).toBe(shape(title));
});
