import type { ReportRow, Run } from '../store/runs.ts';
import { LIMITS } from './kit.ts';
import { clip, clipMarkup, escapeText, joinLines, milliseconds } from './text.ts';

/** With the first line, and one each for what answered, looks and waits, a card of 15 probes has 8 lines. */
const REASON_LINES = 2;
const MAX_LINE = 1_400;
const MAX_REASON = 140;

/** How far a run is: what answered in one line, what did not with its reason. */
export function progress(run: Run, reports: ReportRow[]): string {
  const of = (...status: ReportRow['status'][]) => reports.filter((report) => status.includes(report.status));
  const done = of('answered', 'skipped', 'failed');
  const group = (mark: string, words: string, rows: ReportRow[]) =>
    rows.length > 0 ? [clipMarkup(`${mark} ${words}: ${names(rows)}`, MAX_LINE)] : [];
  const lines = [
    `*Looking:* ${done.length} of ${reports.length} probes are done${slowest(of('answered'))} (run ${run.id})`,
    ...group('●', 'answered', of('answered')),
    ...group('◐', 'looking', of('running')),
    ...group('○', 'waiting', of('pending')),
    ...withReasons('✕', 'could not look', of('failed')),
    ...withReasons('–', 'skipped', of('skipped')),
  ];
  return joinLines(lines, LIMITS.section);
}

function names(rows: ReportRow[]): string {
  return rows.map((row) => `\`${row.probeId}\``).join(', ');
}

function slowest(answered: ReportRow[]): string {
  const longest = Math.max(...answered.map((row) => row.durationMs ?? 0));
  return answered.length > 0 ? `, the slowest after ${milliseconds(longest)}` : '';
}

/** A line for each reason that several may share; the last line has the rest, each with its own. */
function withReasons(mark: string, words: string, rows: ReportRow[]): string[] {
  const byReason = [...new Set(rows.map(reasonOf))]
    .map((reason) => ({ reason, of: rows.filter((row) => reasonOf(row) === reason) }))
    .sort((a, b) => b.of.length - a.of.length);
  const fit = byReason.length <= REASON_LINES ? REASON_LINES : REASON_LINES - 1;
  const own = byReason
    .slice(0, fit)
    .map(({ reason, of }) => `${mark} ${words}: ${names(of)} (${said(reason, MAX_REASON)})`);
  const rest = byReason.slice(fit).map(({ reason, of }) => `${names(of)} (${said(reason, 60)})`);
  return [...own, ...(rest.length > 0 ? [`${mark} ${words}: ${rest.join(', ')}`] : [])].map((line) =>
    clipMarkup(line, MAX_LINE),
  );
}

/** As it is shown: what differs beyond that is the same to a reader. */
function reasonOf(row: ReportRow): string {
  return clip(row.reason ?? 'no reason given', MAX_REASON);
}

function said(reason: string, max: number): string {
  return escapeText(clip(reason, max));
}
