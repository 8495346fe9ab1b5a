import fastify from 'fastify';
import { expect, test } from 'vitest';
import { type Check, registerHealth } from '../../src/telemetry/health.ts';

async function ask(path: string, checks: Check[]) {
  const app = fastify();
  registerHealth(app, checks);
  const { statusCode, body } = await app.inject(path);
  await app.close();
  return { statusCode, body: JSON.parse(body) as { ok: boolean; checks?: unknown[] } };
}
const fine: Check = { name: 'store', required: true, look: async () => undefined };
const broken = (required: boolean): Check => ({
  name: 'slack',
  required,
  look: async () => {
    throw new Error('not connected to redis://:hunter2@h');
  },
});

test('alive is alive, whatever is broken', async () => {
  expect(await ask('/livez', [broken(true)])).toEqual({ statusCode: 200, body: { ok: true } });
});

test('ready needs what is required; the rest is reported', async () => {
  expect(await ask('/readyz', [fine, broken(false)])).toMatchObject({ statusCode: 200, body: { ok: true } });
  const unready = await ask('/readyz', [fine, broken(true)]);
  expect(unready).toMatchObject({
    statusCode: 503,
    body: {
      ok: false,
      checks: [
        { name: 'store', ok: true },
        { name: 'slack', ok: false },
      ],
    },
  });
  expect(JSON.stringify(unready)).not.toContain('hunter2');
});

test('a check that does not answer counts as failed after a second', async () => {
  const hanging: Check = { name: 'queue', required: true, look: () => new Promise(() => undefined) };
  const { statusCode, body } = await ask('/readyz', [hanging]);
  expect(statusCode).toBe(503);
  expect(JSON.stringify(body)).toContain('no answer in 1000 ms');
});
