import { expect, test } from 'vitest';
import { createWorld } from '../incidents/world.ts';
import { alertmanagerBody, openEdge, proven } from './scene.ts';

test('an alert that no route matches is kept and counted, and opens nothing', async () => {
  const world = await createWorld();
  const [one] = [world.addService(), world.addService()];
  const edge = await openEdge(world);
  try {
    const startsAt = new Date();
    const body = alertmanagerBody([
      { key: 'stray', startsAt },
      { key: 'known', startsAt, service: one },
    ]);
    expect((await edge.send('alertmanager', body, proven('alertmanager', body))).status).toBe(202);
    const opened = async () => (await world.db.query('select service from incidents')).rows;
    await expect.poll(opened, { timeout: 20_000 }).toEqual([{ service: one }]);
    const { rows } = await world.db.query<{ key: string }>(
      "select alert ->> 'episodeKey' as key from alert_inbox where service is null",
    );
    expect(rows).toEqual([{ key: 'am:stray' }]);
    const { values } = await edge.metrics.alertsUnrouted.get();
    expect(values).toMatchObject([{ labels: { source: 'alertmanager' }, value: 1 }]);
  } finally {
    await edge.close();
    await world.close();
  }
});
