import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
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

const ALERTS = 4_000;
const CONNECTIONS = 32;
/** About 1 kB for each alert of the second half; what the heap itself varies by is less than half of it. */
const MAX_GROWTH_BYTES = 1_024 * (ALERTS / 2);
/** Far less than it takes in on two idle cores: tests share them with others. */
const MIN_PER_SECOND = 100;
const applied = { timeout: 60_000, interval: 100 };

/** The heap without what nobody holds any more. */
function heapInUse(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
}

async function incident() {
  const { rows } = await world.db.query<{ id: number; alerts: number; revision: number }>(
    'select id, alert_count as alerts, revision from incidents where service = $1',
    [service],
  );
  return rows;
}

test('four thousand alerts, a tenth of them sent twice: one incident, every one counted once', async () => {
  const startsAt = new Date(Date.now() - 60_000);
  // 500 series of the same rules, each several times, as a storm has them.
  const bodies = Array.from({ length: ALERTS }, (_, i) => {
    const key = `series ${i % 500}`;
    return alertmanagerBody([{ key, startsAt: new Date(startsAt.getTime() + i), name: `rule ${i % 7}` }]);
  });
  const repeated = bodies.filter((_, i) => i % 10 === 0);
  const begin = performance.now();
  const first = await wave(bodies.slice(0, ALERTS / 2));
  // Code, connections and buffers are there after the first half: what grows from here on, alerts have left behind.
  await expect.poll(incident, applied).toMatchObject([{ alerts: ALERTS / 2 }]);
  const heapBefore = heapInUse();
  const second = await wave([...bodies.slice(ALERTS / 2), ...repeated]);
  await expect.poll(incident, applied).toMatchObject([{ alerts: ALERTS }]);
  expect(heapInUse() - heapBefore).toBeLessThan(MAX_GROWTH_BYTES);

  expect(first.statuses).toEqual({ 202: ALERTS / 2 });
  expect(second.statuses).toEqual({ 202: ALERTS / 2, 200: repeated.length });
  expect(new Set([...first.others, ...second.others])).toEqual(new Set([200]));
  expect(ALERTS / (first.seconds + second.seconds)).toBeGreaterThan(MIN_PER_SECOND);
  const [one] = await incident();
  // Opened, a run started, and then at most once a second.
  const seconds = Math.ceil((performance.now() - begin) / 1_000);
  expect(one?.revision).toBeLessThan(8 + 2 * seconds);
  const { rows } = await world.db.query('select from alerts where incident_id = $1', [one?.id]);
  expect(rows).toHaveLength(500);
}, 180_000);

/** Sends all of them as fast as they are answered; now and then something else is asked as well. */
async function wave(bodies: readonly string[]) {
  const sending = [...bodies];
  const statuses: Record<number, number> = {};
  const others: number[] = [];
  const begin = performance.now();
  const sender = async () => {
    for (let body = sending.shift(); body !== undefined; body = sending.shift()) {
      const { status } = await edge.send('alertmanager', body, proven('alertmanager', body));
      statuses[status] = (statuses[status] ?? 0) + 1;
      if (sending.length % 100 === 0) others.push((await fetch(`${edge.url}/metrics`)).status);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, sender));
  return { statuses, others, seconds: (performance.now() - begin) / 1_000 };
}
