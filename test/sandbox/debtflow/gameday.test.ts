import fastify from 'fastify';
import { expect, onTestFinished, test } from 'vitest';
import type { Fault } from '../../../sandbox/debtflow/faults/fault.ts';
import { gamedayRange } from '../../../sandbox/debtflow/gameday.ts';
import { createLatencyWindow } from '../../../sandbox/debtflow/load/latency.ts';
import { registerRehearsal } from '../../../sandbox/debtflow/rehearsal-routes.ts';
import { registerRoutes } from '../../../sandbox/debtflow/routes.ts';

function fault(name: string, values: Partial<Fault> = {}): Fault {
  let on = false;
  return {
    ...{ name, group: 'Locks', title: name, description: name },
    truth: {
      ...{ cause: 'lock-idle-in-tx', alsoAcceptable: ['lock-active-writer'], evidence: [], notFirst: [] },
      ...{ mitigation: null, harmful: [], recovers: 'by-hand' },
    },
    isOn: () => on,
    on: async () => {
      on = true;
    },
    off: async () => {
      on = false;
    },
    ...values,
  };
}

const innocent = fault('innocent');
const FAULTS = () => [
  fault('lock'),
  fault('redis', { unavailable: 'Redis faults need redis-server on this machine.' }),
  { ...innocent, truth: { ...innocent.truth, cause: 'healthy' } },
];

async function open(faults: Fault[]) {
  const window = createLatencyWindow();
  const rates: number[] = [];
  const app = fastify();
  onTestFinished(() => app.close());
  await registerRoutes(app, faults, window.report);
  await registerRehearsal(app, faults, {
    latency: window.report,
    setRate: (factor) => void rates.push(factor),
  });
  return { app, rates, latency: window.report };
}

test('a game day breaks only what is there and hurts, and the panel does not tell', async () => {
  const faults = FAULTS();
  const { app, latency } = await open(faults);
  const shown = async () =>
    (await app.inject('/sandbox/faults')).json<{ name: string; on: boolean }[]>().map(({ on }) => on);
  const { breakables } = gamedayRange({ faults, latency });
  expect(breakables).toMatchObject([{ name: 'lock', causes: ['lock-idle-in-tx', 'lock-active-writer'] }]);
  const [lock] = breakables;
  await lock?.on();
  expect(lock?.isOn()).toBe(true);
  expect(await shown()).toEqual([false, false, false]);
  await lock?.off();
  expect(lock?.isOn()).toBe(false);
  // Turned on by hand it is shown again.
  await app.inject({ method: 'PUT', url: '/sandbox/faults/lock', payload: { on: true } });
  expect(await shown()).toEqual([true, false, false]);
});

test('a rehearsal sees the truth of every fault, and changes how many users there are', async () => {
  const { app, rates } = await open(FAULTS());
  expect((await app.inject('/sandbox/rehearsal/faults')).json()).toMatchObject([
    { name: 'lock', on: false, unavailable: null, truth: { cause: 'lock-idle-in-tx' } },
    { name: 'redis', unavailable: 'Redis faults need redis-server on this machine.' },
    { name: 'innocent', truth: { cause: 'healthy' } },
  ]);
  expect((await app.inject('/sandbox/rehearsal/latency')).json()).toMatchObject({ p95Ms: null, rps: 0 });
  const put = (payload: object) => app.inject({ method: 'PUT', url: '/sandbox/rehearsal/load', payload });
  expect((await put({ factor: 1.5 })).statusCode).toBe(200);
  for (const wrong of [{ factor: 0 }, { factor: 'all' }, {}]) {
    expect((await put(wrong)).statusCode).toBe(400);
  }
  expect(rates).toEqual([1.5]);
});
