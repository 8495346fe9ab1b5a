import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { alertsOf } from '../../src/store/alerts.ts';
import type { Incident } from '../../src/store/incidents.ts';
import { createWorld, type World } from '../incidents/world.ts';
import { type Edge, openEdge, SECRET } from '../webhooks/scene.ts';
import { type AlertmanagerServer, startAlertmanager } from './alertmanager-server.ts';

let world: World;
let edge: Edge;
let alertmanager: AlertmanagerServer;
let service: string;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  service = world.addService();
  edge = await openEdge(world);
  alertmanager = await startAlertmanager(`${edge.url}/webhooks/alertmanager`, SECRET);
});
afterEach(async () => {
  await alertmanager.stop();
  await edge.close();
});

const waiting = { timeout: 60_000, interval: 200 };

async function incidents(): Promise<Pick<Incident, 'id' | 'state'>[]> {
  const { rows } = await world.db.query<Pick<Incident, 'id' | 'state'>>(
    'select id, state from incidents where service = $1 order by id',
    [service],
  );
  return rows;
}

function labels(alertname: string, view = 'payments') {
  return { alertname, service, view, severity: 'critical' };
}

test('it fires, resolves and fires again: one incident from the first alert to the last', async () => {
  const startsAt = new Date();
  await alertmanager.post([{ labels: labels('HighLatencyP95'), startsAt }]);
  await expect.poll(incidents, waiting).toMatchObject([{ state: 'investigating' }]);
  const [opened] = await incidents();
  const listed = () => alertsOf(world.db, opened?.id ?? 0);
  expect(await listed()).toMatchObject([{ title: 'HighLatencyP95: slow', status: 'firing' }]);

  await alertmanager.post([{ labels: labels('CeleryTimeouts'), startsAt: new Date() }]);
  await expect.poll(listed, waiting).toMatchObject([{ status: 'firing' }, { status: 'firing' }]);

  const ends = ['HighLatencyP95', 'CeleryTimeouts'].map((name) => ({
    labels: labels(name),
    startsAt,
    endsAt: new Date(),
  }));
  await alertmanager.post(ends);
  await expect.poll(listed, waiting).toMatchObject([{ status: 'resolved' }, { status: 'resolved' }]);
  await expect.poll(incidents, waiting).toMatchObject([{ id: opened?.id, state: 'monitoring' }]);

  await alertmanager.post([{ labels: labels('HighLatencyP95'), startsAt: new Date() }]);
  await expect.poll(incidents, waiting).toMatchObject([{ id: opened?.id, state: 'investigating' }]);
  expect(await alertmanager.failed()).toBe(0);
}, 180_000);

test('while the store is away it keeps trying, and nothing is lost', async () => {
  await world.store.query('alter table alert_inbox rename to alert_inbox_gone');
  const refused = async () => {
    const { values } = await edge.metrics.webhookRefusals.get();
    return values.find(({ labels: { reason } }) => reason === 'store')?.value ?? 0;
  };
  try {
    await alertmanager.post([{ labels: labels('HighLatencyP95'), startsAt: new Date() }]);
    await expect.poll(refused, waiting).toBeGreaterThan(1);
    expect(await incidents()).toEqual([]);
  } finally {
    await world.store.query('alter table alert_inbox_gone rename to alert_inbox');
  }
  await expect.poll(incidents, waiting).toMatchObject([{ state: 'investigating' }]);
}, 120_000);
