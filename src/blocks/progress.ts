import type { ReportRow, Run } from '../store/runs.ts';
import { LIMITS } from './kit.ts';
import { clip, escapeText, joinLines, milliseconds } from './text.ts';

/** How far a run is: what answered in one line, what did not with its reason. */
export function progress(run: Run, reports: ReportRow[]): string {
  const of = (...status: ReportRow['status'][]) => reports.filter((report) => status.includes(report.status));
  const done = of('answered', 'skipped', 'failed');
  const answered = of('answered').map((report) => `\`${report.probeId}\` ${milliseconds(report.durationMs)}`);
  const names = (status: ReportRow['status']) => of(status).map((report) => `\`${report.probeId}\``);
  const group = (mark: string, words: string, list: string[]) =>
    list.length > 0 ? [`${mark} ${words}: ${list.join(', ')}`] : [];
  const lines = [
    `*Looking:* ${done.length} of ${reports.length} probes are done (run ${run.id})`,
    ...group('●', 'answered', answered),
    ...group('◐', 'looking', names('running')),
    ...group('○', 'waiting', names('pending')),
    ...of('failed').map((report) => `✕ \`${report.probeId}\` could not look${reason(report)}`),
    ...of('skipped').map((report) => `– \`${report.probeId}\` skipped${reason(report)}`),
  ];
  return joinLines(lines, LIMITS.section);
}

function reason(report: ReportRow): string {
  return report.reason ? `: ${escapeText(clip(report.reason, 140))}` : '';
}
