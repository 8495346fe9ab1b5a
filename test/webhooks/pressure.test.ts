import fastify from 'fastify';
import { expect, test } from 'vitest';
import { Alerts } from '../../src/config/alerts.ts';
import type { Delivery } from '../../src/store/alert-inbox.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { registerWebhooks } from '../../src/webhooks/receive.ts';
import { ALL_SENDERS, proven, sample } from './scene.ts';

/** Routes over an inbox that stores in memory, and only when it is let. */
function openRoutes(waiting: number) {
  const app = fastify();
  const stored: Delivery[] = [];
  const held: (() => void)[] = [];
  const state = { hold: false };
  registerWebhooks(app, {
    config: Alerts.parse(ALL_SENDERS),
    services: new Map([['api', {}]]),
    inbox: {
      async write(delivery) {
        if (state.hold) await new Promise<void>((go) => held.push(go));
        stored.push(delivery);
        return 'stored';
      },
    },
    metrics: createMetrics(),
    log: createLog({ level: 'silent' }),
    onStored: () => undefined,
    waiting: () => waiting,
  });
  return { app, stored, held, state };
}

async function statusOf(url: string, source: string, name: string): Promise<number> {
  const body = sample(name);
  const headers = {
    'content-type': 'application/json',
    'sentry-hook-resource': 'metric_alert',
    ...proven(source, body),
  };
  return (await fetch(`${url}/webhooks/${source}`, { method: 'POST', headers, body })).status;
}

test.each([
  [49_999, 202, 202],
  [50_000, 503, 202],
  [100_000, 503, 503],
])(
  'with %i alerts waiting Alertmanager gets %i, and Sentry, which tries once, %i',
  async (waiting, other, sentry) => {
    const { app, stored } = openRoutes(waiting);
    const url = await app.listen({ host: '127.0.0.1', port: 0 });
    try {
      expect(await statusOf(url, 'alertmanager', 'alertmanager')).toBe(other);
      expect(await statusOf(url, 'sentry', 'sentry-metric-alert')).toBe(sentry);
      expect(stored).toHaveLength([other, sentry].filter((status) => status === 202).length);
    } finally {
      await app.close();
    }
  },
);

test('while the store hangs, bodies are bounded, and Sentry has some of its own', async () => {
  const { app, held, state } = openRoutes(0);
  state.hold = true;
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  try {
    const waiting = Array.from({ length: 48 }, () => statusOf(url, 'alertmanager', 'alertmanager'));
    await expect.poll(() => held.length, { timeout: 10_000 }).toBe(48);
    expect(await statusOf(url, 'alertmanager', 'alertmanager')).toBe(503);
    const signed = statusOf(url, 'sentry', 'sentry-metric-alert');
    await expect.poll(() => held.length, { timeout: 10_000 }).toBe(49);
    // The store never comes back: they are told to try again, and what comes after them is taken.
    expect(new Set(await Promise.all([...waiting, signed]))).toEqual(new Set([503]));
    state.hold = false;
    expect(await statusOf(url, 'alertmanager', 'alertmanager')).toBe(202);
  } finally {
    await app.close();
  }
}, 40_000);
