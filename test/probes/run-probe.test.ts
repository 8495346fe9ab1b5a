import { expect, test, vi } from 'vitest';
import { z } from 'zod';
import { BotError } from '../../src/errors.ts';
import { PROBES } from '../../src/probes/index.ts';
import type { Probe, ProbeContext } from '../../src/probes/probe.ts';
import { runProbe } from '../../src/probes/run-probe.ts';
import { openTargets } from '../../src/targets/targets.ts';
import { testService } from '../helpers/test-service.ts';

const service = testService({ targets: { postgres: { url: 'postgres://u:p@127.0.0.1:1/db' } } });
const context = (overrides: Partial<ProbeContext> = {}): ProbeContext => ({
  service,
  targets: openTargets(service),
  windowMs: 10,
  signal: new AbortController().signal,
  ...overrides,
});
const probe = (run: Probe<{ n: number }>['run']): Probe<{ n: number }> => ({
  id: 'some-probe',
  title: 'Some probe',
  runbookStep: 2,
  needs: ['postgres'],
  cost: 'nothing',
  requires: [],
  improvedBy: [],
  report: z.object({ n: z.number() }),
  run,
});
const never = () => new Promise<never>(() => undefined);

test('answers with the report', async () => {
  expect(
    await runProbe(
      probe(async () => ({ n: 1 })),
      context(),
    ),
  ).toEqual({
    probeId: 'some-probe',
    step: 2,
    status: 'answered',
    startedAt: expect.stringMatching(/^\d{4}-.*Z$/),
    durationMs: expect.any(Number),
    report: { n: 1 },
  });
});

test('is skipped, and says so, when its target is not configured', async () => {
  const outcome = await runProbe(
    probe(async () => ({ n: 1 })),
    context({ targets: {} }),
  );
  expect(outcome).toMatchObject({ status: 'skipped', code: 'not-configured' });
});

test('a probe that ignores its signal costs its deadline', async () => {
  const outcome = await runProbe(probe(never), context(), 60);
  expect(outcome).toMatchObject({
    status: 'failed',
    code: 'target-timeout',
    reason: 'no answer within 0.1 s',
  });
});

test('a run that is given up ends its probes', async () => {
  const outcome = await runProbe(probe(never), context({ signal: AbortSignal.abort() }), 60_000);
  expect(outcome).toMatchObject({ status: 'failed', reason: 'the run was given up' });
});

test('what went wrong is said in words, and logged in full', async () => {
  const log = { warn: vi.fn(), info: vi.fn() };
  const denied = new BotError('target-permission', 'permission denied: grant pg_monitor to p');
  expect(
    await runProbe(
      probe(() => Promise.reject(denied)),
      context({ log }),
    ),
  ).toMatchObject({
    status: 'failed',
    code: 'target-permission',
    reason: 'permission denied: grant pg_monitor to p',
  });
  const raw = new Error("syntax error at or near 'Schmidt'");
  const outcome = await runProbe(
    probe(() => Promise.reject(raw)),
    context({ log }),
  );
  expect(outcome).toMatchObject({ status: 'failed', code: 'internal' });
  expect(JSON.stringify(outcome)).not.toContain('Schmidt');
  expect(log.warn).toHaveBeenLastCalledWith({ err: raw, probeId: 'some-probe' }, 'a probe could not look');
});

test('a report of the wrong shape is a failure, not an answer', async () => {
  const broken = probe(async () => ({ n: 'many' }) as unknown as { n: number });
  expect(await runProbe(broken, context())).toMatchObject({ status: 'failed', code: 'internal' });
});

test.each(Object.values(PROBES))(
  '$id: an unreachable target is a failed probe with a reason',
  async (each) => {
    const unreachable = testService({
      targets: {
        postgres: { url: 'postgres://u:p@127.0.0.1:1/db' },
        metrics: { url: 'http://127.0.0.1:1/metrics' },
        pgbouncer: { url: 'postgres://u:p@127.0.0.1:1/pgbouncer' },
        redis: { url: 'redis://127.0.0.1:1/0' },
        host: { local: { pidFile: '/nowhere/gunicorn.pid', logFile: '/nowhere/api.log' } },
      },
    });
    const targets = openTargets(unreachable);
    const run: Probe<unknown> = each;
    const outcome = await runProbe(run, context({ service: unreachable, targets }), 10_000);
    // This machine is always there; the others are not.
    const isHere = each.id === 'host';
    expect(outcome).toMatchObject(
      isHere ? { status: 'answered' } : { status: 'failed', reason: expect.stringMatching(/\w+ \w+/) },
    );
    if (!isHere && each.id !== 'request-log') expect(outcome).toMatchObject({ code: 'target-unreachable' });
    await targets.close();
  },
);

test('where one of several targets is enough, none of them is a skipped probe that names them', async () => {
  const either = { ...probe(async () => ({ n: 1 })), needs: [], needsOneOf: ['postgres', 'redis'] } as const;
  expect(await runProbe(either, context({ targets: {} }))).toMatchObject({
    status: 'skipped',
    reason: 'not configured for this service: PostgreSQL or Redis',
  });
  expect(await runProbe(either, context())).toMatchObject({ status: 'answered' });
});
