import { decimal } from '../../diagnosis/words.ts';
import type { ApiLatencyReport } from '../../probes/api-latency.ts';
import { bullets, context, type MessageBlock, rich, span, table } from '../kit.ts';
import { escapeText, milliseconds, percent } from '../text.ts';

const MAX_VIEWS = 8;
const MAX_CAVEATS = 4;

/** How slow the API is, overall and by view, beside earlier days. */
export function apiLatencyBlocks(report: ApiLatencyReport): MessageBlock[] {
  const { overall, objectiveMs, inFlight } = report;
  const caveats = report.caveats.slice(0, MAX_CAVEATS);
  const p95 =
    overall.p95Ms === null
      ? `Too few requests completed for a p95 (${overall.completed}).`
      : `p95 is ${milliseconds(overall.p95Ms)} with an objective of ${milliseconds(objectiveMs)}.`;
  const rest = ` ${decimal(overall.rps)} requests a second, ${percent(overall.errorRate)} of them failed; ${decimal(inFlight)} were in flight on average.`;
  return [
    rich(span(p95, { bold: true }), span(rest)),
    ...viewTable(report),
    ...earlierTable(report),
    ...(caveats.length > 0 ? [bullets(caveats, 'To be read with care', 250)] : []),
    context(
      `Measured by ${escapeText(report.source)} over ${milliseconds(report.windowMs)}.${yesterdayWords(report)}`,
    ),
  ];
}

function yesterdayWords({ noYesterday }: ApiLatencyReport): string {
  return noYesterday ? ` No comparison with yesterday: ${escapeText(noYesterday)}.` : '';
}

function viewTable({ byView }: ApiLatencyReport): MessageBlock[] {
  const views = Object.entries(byView).sort(([, a], [, b]) => (b.p95Ms ?? 0) - (a.p95Ms ?? 0));
  const shown = views.slice(0, MAX_VIEWS);
  return table(
    'Latency by view, the slowest first',
    ['view', 'p95', 'p50', 'requests/s', 'failed'],
    shown.map(([view, latency]) => [
      view,
      latencyCell(latency.p95Ms),
      latencyCell(latency.p50Ms),
      { value: latency.rps, text: decimal(latency.rps) },
      latency.errorRate === null ? null : { value: latency.errorRate, text: percent(latency.errorRate) },
    ]),
    views.length - shown.length,
  );
}

function earlierTable({ overall, yesterday, lastWeek, normal }: ApiLatencyReport): MessageBlock[] {
  const rows = [
    ['now', overall] as const,
    ['yesterday at this time', yesterday] as const,
    ['a week ago at this time', lastWeek] as const,
    ['on a healthy day', normal] as const,
  ].flatMap(([name, one]) => (one ? [[name, one] as const] : []));
  if (rows.length < 2) return [];
  return table(
    'Beside earlier days',
    ['when', 'p95', 'requests/s', 'failed'],
    rows.map(([name, { p95Ms, rps, errorRate }]) => [
      name,
      latencyCell(p95Ms),
      { value: rps, text: decimal(rps) },
      errorRate === null ? null : { value: errorRate, text: percent(errorRate) },
    ]),
  );
}

function latencyCell(ms: number | null) {
  return ms === null ? null : { value: ms, text: milliseconds(ms) };
}
