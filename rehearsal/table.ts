import type { Result } from './run-case.ts';

const HEAD = [
  'case',
  'truth',
  'rank',
  'named first',
  'share',
  'to diagnosis',
  'mitigated',
  'to recovery',
  'wrong offers',
  'verdict',
];

/** One line a result, aligned, with the reasons below those that need them. */
export function table(results: readonly Result[]): string {
  const rows = [HEAD, ...results.map(cells)];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const [head = '', ...body] = lines;
  const withReasons = body.flatMap((line, index) => [
    line,
    ...(results[index]?.reasons ?? []).map((reason) => `    ${reason}`),
  ]);
  return [head, ...withReasons, '', summary(results)].join('\n');
}

function cells(result: Result): string[] {
  const skipped = result.verdict === 'skipped';
  return [
    result.case,
    result.truth.join('+') || 'healthy',
    skipped ? '–' : result.ranks.map((rank) => rank ?? '–').join(' ') || '–',
    skipped ? '–' : result.namedFirst ? 'yes' : `no: ${result.first ?? 'nothing'}`,
    result.share === null ? '–' : `${Math.round(result.share * 100)} %`,
    seconds(result.secondsToDiagnosis),
    result.mitigated ?? '–',
    seconds(result.secondsToRecovery),
    skipped ? '–' : String(result.wrongOffers.length),
    result.verdict === 'fail' ? 'FAIL' : result.verdict,
  ];
}

function seconds(value: number | null): string {
  return value === null ? '–' : `${value.toFixed(1)} s`;
}

function summary(results: readonly Result[]): string {
  const of = (verdict: Result['verdict']) => results.filter((one) => one.verdict === verdict).length;
  const skipped = of('skipped') > 0 ? `, ${of('skipped')} skipped` : '';
  return `${of('pass')} of ${results.length - of('skipped')} passed${skipped}`;
}
