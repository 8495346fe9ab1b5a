import { expect, test } from 'vitest';
import { progress } from '../../src/blocks/progress.ts';
import type { ReportRow } from '../../src/store/runs.ts';
import { report, run } from '../fixtures/incident-view.ts';

const IDS = [
  ...['api-latency', 'request-log', 'active-queries', 'lock-tree', 'top-statements', 'n-plus-one', 'explain'],
  ...['connection-pool', 'pgbouncer', 'redis', 'host', 'gunicorn-workers', 'celery', 'table-health'],
  'postgres-server',
];
const rows = (values: (id: string, i: number) => Partial<ReportRow>) =>
  IDS.map((id, i) => report(id, values(id, i)));
const lines = (reports: ReportRow[]) => progress(run({ state: 'running' }), reports).split('\n');

test('of fifteen probes on their way every one is named once, in a few lines', () => {
  const status = (i: number) => (['answered', 'running', 'pending'] as const)[i % 3] ?? 'pending';
  const shown = lines(rows((_id, i) => ({ status: status(i), durationMs: 100 * i })));
  expect(shown).toHaveLength(4);
  expect(shown[0]).toBe('*Looking:* 5 of 15 probes are done, the slowest after 1.2 s (run 7)');
  for (const id of IDS) expect(shown.join('\n').split(`\`${id}\``)).toHaveLength(2);
});

test('probes that share a reason share a line', () => {
  const reason = 'no answer within 4.8 s';
  const shown = lines(rows((_id, i) => (i % 2 ? { status: 'failed', reason } : {})));
  expect(shown).toHaveLength(3);
  expect(shown[2]).toMatch(/^✕ could not look: `request-log`, `lock-tree`.* \(no answer within 4\.8 s\)$/);
});

test('however many reasons there are, at most eight lines; every probe keeps its own', () => {
  const status = (i: number): ReportRow['status'] => {
    if (i < 3) return (['answered', 'running', 'pending'] as const)[i] ?? 'answered';
    return i % 2 ? 'failed' : 'skipped';
  };
  const shown = lines(rows((id, i) => ({ status: status(i), reason: `reason of ${id}` })));
  expect(shown).toHaveLength(8);
  for (const id of IDS.slice(3)) expect(shown.join('\n')).toContain(`\`${id}\` (reason of ${id})`);
});

test('a reason that is long or hostile keeps its line, its place and its harmlessness', () => {
  const reason = `<!channel>\n*done* ${'x'.repeat(5_000)}`;
  const shown = lines(rows((_id, i) => ({ status: 'failed', reason: `${reason}${i}` })));
  expect(shown.join('\n').length).toBeLessThanOrEqual(3_000);
  expect(shown).toHaveLength(2);
  expect(shown.join('')).not.toContain('<!');
});

test('before anything is done it says so', () => {
  expect(lines(rows(() => ({ status: 'pending', durationMs: null })))[0]).toBe(
    '*Looking:* 0 of 15 probes are done (run 7)',
  );
});
