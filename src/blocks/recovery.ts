import type { IncidentView, MitigationView } from '../incidents/view.ts';
import { barChart } from './bar-chart.ts';
import { ledgerChart, viewName } from './charts.ts';
import {
  actions,
  button,
  context,
  fields,
  fitBlocks,
  type MessageBlock,
  type Rendered,
  section,
} from './kit.ts';
import { comparisonNote } from './ledger-words.ts';
import { milliseconds, percent, when } from './text.ts';

/** Before and after one mitigation; null until the first look at recovery is there. */
export function recoveryMessage(
  view: IncidentView,
  row: MitigationView,
  options: { charts: boolean },
): Rendered | null {
  const before = view.runs.find((run) => run.id === row.runId)?.diagnosis;
  const checks = view.runs.filter((run) => run.kind === 'recovery' && run.mitigationId === row.id);
  const last = checks.findLast((run) => run.diagnosis !== null);
  const after = last?.diagnosis;
  if (!before || !after || !last) return null;
  const { thresholds } = view.service;
  const words = sentence(row);
  const body: MessageBlock[] = [
    section(`*${words}*`),
    fields([
      `*p95 before*\n${milliseconds(before.scope.p95Ms)}`,
      `*p95 after*\n${milliseconds(after.scope.p95Ms)} (objective ${milliseconds(thresholds.baselineP95Ms)})`,
      `*Errors before*\n${percent(before.scope.errorRate)}`,
      `*Errors after*\n${percent(after.scope.errorRate)}`,
    ]),
    ...p95Chart(before.scope.byView, after.scope.byView, view, options.charts),
    ...ledgerChart(
      'Requests in flight',
      [
        { name: 'before', ledger: before.ledger },
        { name: 'after', ledger: after.ledger },
      ],
      options.charts,
    ),
    context(comparisonNote(before.ledger, after.ledger)),
    context(`Check ${checks.length}, ${when(last.finishedAt ?? last.startedAt)} · mitigation ${row.id}`),
  ];
  const tail: MessageBlock[] = [];
  if (row.state === 'verified' && view.incident.state !== 'resolved') {
    tail.push(
      actions(`recovered:${row.id}:${view.incident.revision}`, [
        button('resolve-incident', 'Resolve the incident', String(view.incident.id), { style: 'primary' }),
      ]),
    );
  }
  const objective = milliseconds(thresholds.baselineP95Ms);
  const text =
    `INC-${view.incident.id}: ${words} p95 ${milliseconds(before.scope.p95Ms)} before, ` +
    `${milliseconds(after.scope.p95Ms)} after (objective ${objective}).`;
  return { text, blocks: fitBlocks(body, tail) };
}

function sentence(row: MitigationView): string {
  if (row.state === 'verified') return 'Latency recovered.';
  if (row.state === 'not-recovered') return 'Latency did not recover. Look again for what else is slow.';
  return 'Not recovered yet; looking again in a moment.';
}

type ByView = Record<string, { p95Ms: number | null }>;

function p95Chart(before: ByView, after: ByView, view: IncidentView, charts: boolean): MessageBlock[] {
  const measured = (byView: ByView, name: string) =>
    Object.hasOwn(byView, name) ? byView[name]?.p95Ms : null;
  const names = Object.keys(before)
    .filter((name) => measured(before, name) != null && measured(after, name) != null)
    .sort((a, b) => (before[b]?.p95Ms ?? 0) - (before[a]?.p95Ms ?? 0));
  return barChart(
    'p95 before and after',
    names.map((name) => viewName(view.service, name)),
    [
      { name: 'before', values: names.map((name) => before[name]?.p95Ms ?? 0) },
      { name: 'after', values: names.map((name) => after[name]?.p95Ms ?? 0) },
      { name: 'objective', values: names.map(() => view.service.thresholds.baselineP95Ms) },
    ],
    'ms',
    charts,
  );
}
