import { count, decimal } from '../../diagnosis/words.ts';
import type { TopStatement, TopStatementsReport } from '../../probes/top-statements.ts';
import { bullets, context, type MessageBlock, rich, span, table } from '../kit.ts';
import { clip, escapeText, milliseconds, percent } from '../text.ts';

const MAX_ROWS = 8;
const MAX_ROLES = 4;
const QUERY_CHARACTERS = 160;

/** Which statements take the database's time now. */
export function topStatementsBlocks(report: TopStatementsReport): MessageBlock[] {
  return [
    rich(span(sentence(report), { bold: true }), span(roles(report))),
    ...statementTable(report),
    ...notSeen(report),
    context(
      `Statements that still run are not counted until they end. Those of the bot itself are left out: ${decimal(report.own.averageActive)} sessions on average. ${baselineWords(report)}`,
    ),
  ];
}

function sentence({ statements, total, windowMs }: TopStatementsReport): string {
  const [top] = statements;
  if (!top) return `No statement ended within ${milliseconds(windowMs)}.`;
  const busy = `${count(total.calls, 'statement', 'statements')} in ${milliseconds(windowMs)} kept ${decimal(total.averageActive)} sessions busy on average`;
  return `${busy}; the first of them takes ${percent(top.share)} of that time.`;
}

function roles({ byRole }: TopStatementsReport): string {
  if (byRole.length < 2) return '';
  const shown = byRole.slice(0, MAX_ROLES).map(({ role, share }) => `${role} ${percent(share)}`);
  return ` By role: ${shown.join(', ')}${byRole.length > MAX_ROLES ? ` and ${byRole.length - MAX_ROLES} more` : ''}.`;
}

function statementTable({ statements, leftOut }: TopStatementsReport): MessageBlock[] {
  const shown = statements.slice(0, MAX_ROWS);
  return table(
    'Statements by time within the window',
    ['statement', 'role', 'share', 'calls/s', 'mean', 'normally', 'rows/call'],
    shown.map((one) => [
      clip(one.query.text, QUERY_CHARACTERS),
      one.role,
      { value: one.share, text: percent(one.share) },
      { value: one.callsPerSecond, text: decimal(one.callsPerSecond) },
      { value: one.meanMs, text: mean(one.meanMs) },
      normally(one),
      { value: one.rowsPerCall, text: decimal(one.rowsPerCall) },
    ]),
    leftOut + statements.length - shown.length,
  );
}

function normally({ normal, isNew }: TopStatement): string | null {
  if (normal) return `${mean(normal.meanMs)}, ${decimal(normal.callsPerSecond)}/s`;
  return isNew ? 'new' : null;
}

/** Most means are below a millisecond, and there the decimals matter. */
function mean(ms: number): string {
  return ms < 10 ? `${decimal(ms)} ms` : milliseconds(ms);
}

function notSeen({ notSeen: list }: TopStatementsReport): MessageBlock[] {
  if (list.length === 0) return [];
  return [
    bullets(
      list.slice(0, 5).map(({ what, reason, remedy }) => `${what}: ${reason}${remedy ? `; ${remedy}` : ''}`),
      'Not seen',
      250,
    ),
  ];
}

function baselineWords({ baseline }: TopStatementsReport): string {
  return baseline
    ? `Compared with ${count(baseline.samples, 'healthy sample', 'healthy samples')} since ${escapeText(baseline.since.slice(0, 16).replace('T', ' '))} UTC.`
    : 'There is no baseline to compare with.';
}
