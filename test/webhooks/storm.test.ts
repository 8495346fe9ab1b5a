import { afterAll, beforeAll, expect, test } from 'vitest';
import { createWorld, type World } from '../incidents/world.ts';
import { alertmanagerBody, type Edge, openEdge, proven } from './scene.ts';

let world: World;
let edge: Edge;
let service: string;
beforeAll(async () => {
  world = await createWorld();
  service = world.addService();
  edge = await openEdge(world);
});
afterAll(async () => {
  await edge.close();
  await world.close();
});

const ALERTS = 2_000;
const CONNECTIONS = 32;
/** A heap that keeps something of every alert grows by more: an alert as it is stored is about 1 kB. */
const MAX_GROWTH_BYTES = 64 * 1024 * 1024;

async function incident() {
  const { rows } = await world.db.query<{ id: number; alerts: number; revision: number }>(
    'select id, alert_count as alerts, revision from incidents where service = $1',
    [service],
  );
  return rows;
}

test('two thousand alerts, a tenth of them sent twice: one incident, every one counted once', async () => {
  const startsAt = new Date(Date.now() - 60_000);
  // 500 series of the same rules, each several times, as a storm has them.
  const bodies = Array.from({ length: ALERTS }, (_, i) => {
    const key = `series ${i % 500}`;
    return alertmanagerBody([{ key, startsAt: new Date(startsAt.getTime() + i), name: `rule ${i % 7}` }]);
  });
  const sending = [...bodies, ...bodies.filter((_, i) => i % 10 === 0)];
  const statuses: Record<number, number> = {};
  const heapBefore = process.memoryUsage().heapUsed;
  const begin = performance.now();
  const healthy: number[] = [];
  const sender = async () => {
    for (let body = sending.shift(); body !== undefined; body = sending.shift()) {
      const { status } = await edge.send('alertmanager', body, proven('alertmanager', body));
      statuses[status] = (statuses[status] ?? 0) + 1;
      if (sending.length % 100 === 0) healthy.push((await fetch(`${edge.url}/metrics`)).status);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, sender));
  const seconds = (performance.now() - begin) / 1_000;

  expect(statuses).toEqual({ 202: ALERTS, 200: ALERTS / 10 });
  expect(ALERTS / seconds).toBeGreaterThan(200);
  expect(new Set(healthy)).toEqual(new Set([200]));
  await expect.poll(incident, { timeout: 60_000, interval: 100 }).toMatchObject([{ alerts: ALERTS }]);
  const [one] = await incident();
  // Opened, a run started, and then at most once a second.
  expect(one?.revision).toBeLessThan(8 + 2 * Math.ceil(seconds + 3));
  const { rows } = await world.db.query('select from alerts where incident_id = $1', [one?.id]);
  expect(rows).toHaveLength(500);
  expect(process.memoryUsage().heapUsed - heapBefore).toBeLessThan(MAX_GROWTH_BYTES);
}, 180_000);
