import type { ProbeCost } from './probe-cost.ts';
import { quantile } from './statistics.ts';
import type { WholeRuns } from './whole-runs.ts';

const NONE = '–';
const number = (value: number | null, digits = 0) => (value === null ? NONE : value.toFixed(digits));
const pair = (samples: number[]) =>
  samples.length === 0 ? NONE : `${number(quantile(samples, 0.5))}/${number(quantile(samples, 0.95))}`;

/** A probe that takes less than most of the window has none; the last ping of a series may come a little before its end. */
function beyond(durationsMs: number[], windowMs: number): string {
  if (quantile(durationsMs, 0.5) < windowMs * 0.9) return NONE;
  return pair(durationsMs.map((ms) => Math.max(0, ms - windowMs)));
}

const HEAD = [
  '',
  'runs',
  '1 s window',
  'beyond',
  '3 s window',
  'beyond',
  'statements',
  'server ms',
  'commands',
  'sessions',
];
const WIDTHS = [18, 9, 13, 10, 13, 10, 12, 11, 10, 10];
const line = (cells: string[]) =>
  cells.map((cell, i) => (i === 0 ? cell.padEnd(WIDTHS[0] ?? 0) : cell.padStart(WIDTHS[i] ?? 0))).join('');

/** Milliseconds as median/p95; statements, server time and commands are those of one run with the window of 3 s. */
export function probeTable(costs: ProbeCost[]): string {
  const rows = costs.map(({ probe, durationsMs, failed, statements, serverMs, commands, sessions }) => {
    const runs = durationsMs['1s'].length + durationsMs['3s'].length;
    const mark = failed.length > 0 ? `${runs} of ${runs + failed.length}` : String(runs);
    return line([
      ...[probe, mark, pair(durationsMs['1s']), beyond(durationsMs['1s'], 1_000)],
      ...[pair(durationsMs['3s']), beyond(durationsMs['3s'], 3_000)],
      ...[number(statements, 1), number(serverMs, 2), commands > 0 ? number(commands, 1) : NONE],
      sessions > 0 ? String(sessions) : NONE,
    ]);
  });
  const failures = costs.flatMap(({ probe, failed }) =>
    [...new Set(failed)].map((why) => `  ${probe}: ${why}`),
  );
  const told = failures.length > 0 ? ['did not answer:', ...failures] : [];
  return [line(HEAD), ...rows, ...told].join('\n');
}

/** All probes together, in words. */
export function wholeText(whole: WholeRuns): string {
  const { durationsMs, failed, statements, serverMs, commands, sessions, p95Ms } = whole;
  const median = (samples: number[]) => quantile(samples, 0.5);
  const ratio = median(p95Ms.looking) / median(p95Ms.quiet);
  // Neighbours in time: on a machine that others use too, the two ratios differ, and neither proves an effect alone.
  const paired = p95Ms.looking.map((ms, i) => ms / (p95Ms.quiet[i] ?? Number.NaN));
  const list = (samples: number[]) => samples.map((ms) => ms.toFixed(0)).join(' ');
  return [
    `all probes together, ${durationsMs.length} runs: ${pair(durationsMs)} ms, ${pair(durationsMs.map((ms) => ms - 3_000))} ms beyond the window`,
    `per run: ${number(statements, 1)} statements, ${number(serverMs, 1)} ms at PostgreSQL, ${number(commands, 1)} commands and looks; ${sessions} sessions at most`,
    `p95 of the API without a run: ${list(p95Ms.quiet)} ms`,
    `p95 of the API during one:     ${list(p95Ms.looking)} ms`,
    `ratio of the medians ${number(ratio, 2)}; of neighbours: ${[0.25, 0.5, 0.75].map((q) => number(quantile(paired, q), 2)).join(', ')} (quartiles)`,
    ...[...new Set(failed)].map((why) => `  did not answer: ${why}`),
  ].join('\n');
}
