import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { validateMessage } from '../../sandbox/slack/validate/index.ts';
import { reportMessage } from '../../src/blocks/report-message.ts';
import { REPORT_BLOCKS } from '../../src/blocks/reports/index.ts';
import { PROBE_LIST, probeReport } from '../../src/incidents/probe-report.ts';
import { PROBES, type ProbeId } from '../../src/probes/index.ts';
import type { Probe, ProbeOutcome } from '../../src/probes/probe.ts';
import { HOSTILE, hostileText } from '../fixtures/hostile-text.ts';
import { mrkdwnOf, stringsOf, wordsOf } from '../helpers/block-text.ts';
import { activeReport, lockNode, lockReport, poolReport, session } from '../helpers/reports.ts';
import { arbitraryOf } from '../helpers/schema-arbitrary.ts';

const FORBIDDEN = /[\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]|(?![\t\n])\p{Cc}/u;
const BOUNDED = { interruptAfterTimeLimit: 4_000, markInterruptAsFailure: false };
const probes = Object.values<Probe<unknown>>(PROBES);

const outcome = (probeId: string, report: unknown): ProbeOutcome => ({
  ...{ probeId, step: 1, status: 'answered', startedAt: '2026-11-23T03:12:00Z', durationMs: 3_004, report },
});
const shown = (probeId: ProbeId, report: unknown, charts = true) =>
  reportMessage(probeReport(outcome(probeId, report)), { charts });
const words = (probeId: ProbeId, report: unknown, charts = true) => {
  const { text, blocks } = shown(probeId, report, charts);
  return `${text}\n\n${wordsOf(blocks)}\n`;
};

test('every probe has its rendering, in the order of the runbook', () => {
  expect(Object.keys(REPORT_BLOCKS).toSorted()).toEqual(Object.keys(PROBES).toSorted());
  const steps = PROBE_LIST.map(({ step }) => step);
  expect(steps).toEqual(steps.toSorted((a, b) => a - b));
});

describe.each(probes.map((probe) => [probe.id, probe] as const))('%s', (id, probe) => {
  test.each([
    ['with little in it', 3],
    ['with far too much of everything', 60],
  ])('whatever it reports %s, Slack takes it, and nothing in it calls, links or hides', (_, maxItems) => {
    const texts = maxItems > 3 ? fc.constantFrom(...HOSTILE) : hostileText;
    fc.assert(
      fc.property(arbitraryOf(probe.report, texts, maxItems), fc.boolean(), (report, charts) => {
        const rendered = shown(id as ProbeId, report, charts);
        expect(validateMessage({ ...rendered })).toEqual({ ok: true });
        expect(JSON.stringify(rendered.blocks).length).toBeLessThanOrEqual(12_000);
        expect(rendered.blocks.length).toBeGreaterThan(2);
        expect(JSON.stringify(rendered.blocks)).not.toContain('"type":"broadcast"');
        for (const text of [rendered.text, ...mrkdwnOf(rendered.blocks)]) {
          expect(text).not.toMatch(/[<>]/);
          expect(text).not.toMatch(/&(?!(?:amp|lt|gt);)/);
        }
        for (const text of stringsOf(rendered)) expect(text).not.toMatch(FORBIDDEN);
        // The raw value of a cell counts, and a chart never shows what was not a number.
        expect(JSON.stringify(rendered)).not.toMatch(/NaN|Infinity|undefined|\[object/);
      }),
      { numRuns: maxItems > 3 ? 6 : 25, endOnFailure: maxItems > 3, ...BOUNDED },
    );
  });
});

test.each([
  ['skipped', 'Did not look: not configured for this service: Redis'],
  ['failed', 'Could not look: no answer within 4.8 s'],
] as const)('a probe that %s says why, and that nothing is ruled out', (status, sentence) => {
  const [, reason = ''] = sentence.split(/: (.*)/);
  const report = probeReport({
    ...{ probeId: 'lock-tree', step: 2, startedAt: '', durationMs: 4_800 },
    ...{ status, reason, code: 'target-timeout' },
  });
  const { text, blocks } = reportMessage(report, { charts: true });
  expect(text).toBe(`Lock waits and who causes them: ${sentence}. Nothing is ruled out by this.`);
  expect(wordsOf(blocks)).toContain('(`lock-tree` · step 2 (Check database performance) · 4.8 s)');
});

test('a report of an older version is said to be one, and not shown as empty', () => {
  const { text } = shown('lock-tree', { nodes: 'of another shape' });
  expect(text).toContain('Could not look: its report is of another version of the bot');
});

test('a report of a probe that there is no more keeps its name', () => {
  const { text, blocks } = reportMessage(probeReport(outcome('gone-probe', {})), { charts: true });
  expect(text).toContain('gone-probe: Could not look');
  expect(validateMessage({ text, blocks })).toEqual({ ok: true });
});

const blocked = lockReport([
  lockNode({ pid: 4242, application: 'celery: reconcile', state: 'idle in transaction' }),
  ...Array.from({ length: 9 }, (_, i) => lockNode({ pid: 100 + i, blockedBy: [4242], waitMs: 1_000 * i })),
]);

test.each([
  [
    'active-queries',
    activeReport(
      [
        ['CPU', 'on-cpu', 2.5],
        ['IO', 'DataFileRead', 1.25, 'reporting'],
      ],
      [session({ pid: 7, queryAgeMs: 42_000, xactAgeMs: null })],
    ),
  ],
  ['active-queries', activeReport([])],
  ['lock-tree', blocked],
  ['lock-tree', lockReport([])],
  [
    'connection-pool',
    {
      ...poolReport(93),
      groups: [
        {
          ...{ database: 'debtflow', role: 'debtflow', application: 'gunicorn', client: '10.0.0.1' },
          ...{ state: 'idle', count: 80, oldestInStateMs: 600_000, oldestXactMs: null },
        },
      ],
      limits: [{ kind: 'role', name: 'reporting', limit: 5, used: 5 }],
    },
  ],
] as [ProbeId, unknown][])('in words, with and without drawings: %s', (id, report) => {
  expect(words(id, report)).toMatchSnapshot('drawn');
  expect(words(id, report, false)).toMatchSnapshot('plain');
});

test('addresses of clients stay in the record', () => {
  const report = { ...poolReport(1), byClient: { '10.0.0.1': 1 } };
  expect(words('connection-pool', report)).not.toContain('10.0.0.1');
});
