import { describe, expect, test } from 'vitest';
import { doctorText } from '../../src/cli/doctor-text.ts';
import { allWork, judgeProbes, type TargetExamination } from '../../src/cli/examination.ts';
import { examineTargets } from '../../src/cli/examine-targets.ts';
import { BotError } from '../../src/errors.ts';
import type { Probe } from '../../src/probes/probe.ts';
import type { Examinable, Examined, RequirementId } from '../../src/targets/requirement.ts';

const examined = (id: RequirementId, met: boolean | null, remedy: string | null = null): Examined => ({
  ...{ id, met, words: `${id} is ${met}`, remedy },
});
const says = (...answers: Examined[]): Examinable => ({ examine: async () => answers });
const probe = (values: Pick<Probe<unknown>, 'id' | 'needs' | 'requires' | 'improvedBy'>) =>
  ({
    ...values,
    title: `Title of ${values.id}`,
    runbookStep: 2,
    cost: '1 read',
  }) as unknown as Probe<unknown>;

const LOCKS = probe({
  id: 'locks',
  needs: ['postgres'],
  requires: ['postgres:reachable', 'postgres:read-all-stats'],
  improvedBy: ['postgres:query-id', 'redis:info'],
});
const QUEUES = probe({ id: 'queues', needs: ['redis'], requires: ['redis:reachable'], improvedBy: [] });

const judge = async (targets: { postgres?: Examinable; redis?: Examinable }, signal = soon()) => {
  const seen = await examineTargets(targets, signal);
  return { seen, probes: judgeProbes([LOCKS, QUEUES], seen) };
};
const soon = () => AbortSignal.timeout(5_000);
const GOOD = [
  examined('postgres:reachable', true),
  examined('postgres:read-all-stats', true),
  examined('postgres:query-id', true),
];

const textOf = (seen: TargetExamination[], probes: ReturnType<typeof judgeProbes>) =>
  doctorText({
    ...{ schema: 1, startedAt: '', durationMs: 1, ok: allWork(probes) },
    services: [{ id: 'api', title: 'API', ok: allWork(probes), targets: seen, probes }],
  });

describe('a probe', () => {
  test('works when all that it requires and all that improves it is there', async () => {
    const { probes } = await judge({
      postgres: says(...GOOD),
      redis: says(examined('redis:reachable', true), examined('redis:info', true)),
    });
    expect(probes.map(({ status, lacks }) => ({ status, lacks }))).toEqual([
      { status: 'works', lacks: [] },
      { status: 'works', lacks: [] },
    ]);
    expect(allWork(probes)).toBe(true);
  });

  test('that only goes without an improvement works, and says what it does not see', async () => {
    const { seen, probes } = await judge({ postgres: says(...GOOD) });
    expect(probes[0]).toMatchObject({
      status: 'partly',
      lacks: [{ id: 'redis:info', required: false, met: false, words: 'Redis is not configured' }],
    });
    expect(probes[1]).toMatchObject({ status: 'not-configured', absent: ['redis'] });
    expect(allWork(probes)).toBe(true);
    expect(textOf(seen, probes)).toMatchSnapshot();
  });

  test('will not work without what it requires, and the remedy can be copied', async () => {
    const { seen, probes } = await judge({
      postgres: says(
        examined('postgres:reachable', true),
        examined('postgres:read-all-stats', false, 'grant pg_monitor to probe;'),
        examined('postgres:query-id', null),
      ),
    });
    expect(probes[0]?.status).toBe('will-not-work');
    expect(allWork(probes)).toBe(false);
    const text = textOf(seen, probes);
    expect(text).toMatch(/^ {10}grant pg_monitor to probe;$/m);
    expect(text).toMatchSnapshot();
  });

  test('is not said to work when a requirement could not be told, or was not spoken of', async () => {
    for (const answers of [
      [examined('postgres:reachable', true), examined('postgres:read-all-stats', null)],
      [examined('postgres:reachable', true)],
      [],
    ]) {
      const { probes } = await judge({ postgres: says(...answers) });
      expect(probes[0]?.status).toBe('unknown');
      expect(allWork(probes)).toBe(false);
    }
  });
});

test('no probe at all is not "all of them work"', async () => {
  const { seen, probes } = await judge({});
  expect(allWork(probes)).toBe(false);
  expect(textOf(seen, probes)).toContain('No probe can look: none of their targets is configured.');
});

test('a target that never answers, or breaks, costs itself alone', async () => {
  const hanging: Examinable = { examine: () => new Promise(() => undefined) };
  const broken: Examinable = {
    examine: async () => {
      throw new BotError('target-protocol', 'Redis answered something else');
    },
  };
  const { seen, probes } = await judge({ postgres: hanging, redis: broken }, AbortSignal.timeout(50));
  expect(seen.filter(({ configured }) => configured).map(({ silent }) => silent)).toEqual([
    'it did not answer in time',
    'Redis answered something else',
  ]);
  expect(probes.map(({ status }) => status)).toEqual(['unknown', 'unknown']);
  expect(probes[0]?.lacks[0]?.words).toBe('it did not answer in time');
  expect(textOf(seen, probes)).toContain('2 cannot be relied on');
});

test('of two hosts the one of the API counts, and the other where it is the only one', () => {
  const GUNICORN = probe({ id: 'load', needs: [], requires: ['host:pressure'], improvedBy: [] });
  const host = (id: 'host' | 'databaseHost', met: boolean): TargetExamination => ({
    ...{ id, title: id, configured: true, silent: null },
    examined: [{ ...examined('host:pressure', met), what: 'pressure' }],
  });
  const status = (...targets: TargetExamination[]) => judgeProbes([GUNICORN], targets)[0]?.status;
  expect(status(host('host', false), host('databaseHost', true))).toBe('will-not-work');
  expect(status(host('databaseHost', true))).toBe('works');
});

describe('a probe for which one of several targets is enough', () => {
  const HOST = {
    ...probe({
      id: 'machines',
      needs: [],
      requires: ['host:reachable', 'nodeExporter:reachable'],
      improvedBy: [],
    }),
    needsOneOf: ['host', 'databaseHost', 'nodeExporter'],
  } satisfies Probe<unknown>;
  const target = (id: 'host' | 'databaseHost' | 'nodeExporter', met: boolean): TargetExamination => ({
    ...{ id, title: id, configured: true, silent: null },
    examined: [
      { ...examined(id === 'nodeExporter' ? 'nodeExporter:reachable' : 'host:reachable', met), what: 'it' },
    ],
  });
  const judged = (...targets: TargetExamination[]) => judgeProbes([HOST], targets)[0];

  test('works with any of them', () => {
    for (const id of ['host', 'databaseHost', 'nodeExporter'] as const) {
      expect(judged(target(id, true))).toMatchObject({ status: 'works', lacks: [], absentOneOf: [] });
      expect(judged(target(id, false))).toMatchObject({ status: 'will-not-work' });
    }
  });

  test('works partly when one of them does not answer', () => {
    expect(judged(target('host', false), target('nodeExporter', true))).toMatchObject({
      status: 'partly',
      lacks: [{ id: 'host:reachable', required: false }],
    });
    expect(judged(target('host', false), target('nodeExporter', false))?.status).toBe('will-not-work');
  });

  test('is not configured without any, and says where each would be', () => {
    const found = judged();
    expect(found).toMatchObject({ status: 'not-configured', absent: [] });
    expect(textOf([], found ? [found] : [])).toContain(
      'it needs targets.host or targets.databaseHost or targets.prometheus.nodeSelector',
    );
  });
});
