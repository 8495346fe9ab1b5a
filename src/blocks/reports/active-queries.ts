import { count, decimal } from '../../diagnosis/words.ts';
import type { ActiveQueriesReport } from '../../probes/active-queries.ts';
import { barChart } from '../bar-chart.ts';
import { context, type MessageBlock, rich, span, table } from '../kit.ts';
import { clip, milliseconds } from '../text.ts';

const MAX_BARS = 8;
const MAX_SESSIONS = 8;

/** What the sessions of the database were busy with over the window. */
export function activeQueriesBlocks(report: ActiveQueriesReport): MessageBlock[] {
  return [
    rich(span(sentence(report), { bold: true })),
    ...activityChart(report),
    ...sessionTable(report),
    context(
      `${count(report.samples, 'sample', 'samples')} in ${milliseconds(report.windowMs)}; a parallel worker counts for its leader, and is counted among all roles.`,
    ),
  ];
}

function sentence({ applicationActive, totalActive, sessions, leftOut }: ActiveQueriesReport): string {
  const open = sessions.length + leftOut;
  if (totalActive === 0) {
    return open === 0
      ? 'No session was busy in any sample.'
      : `No session was busy in any sample; ${count(open, 'session was', 'sessions were')} not idle at the end.`;
  }
  return `${decimal(applicationActive)} sessions of the application were busy on average; ${decimal(totalActive)} processes of all roles.`;
}

/** By what they were waiting for; no wait means the CPU. */
function activityChart({ activity }: ActiveQueriesReport): MessageBlock[] {
  const sums = new Map<string, number>();
  for (const { waitType, event, averageActive } of activity) {
    const name = waitType === 'CPU' ? 'on the CPU' : `${waitType} ${event}`;
    sums.set(name, (sums.get(name) ?? 0) + averageActive);
  }
  const bars = [...sums].sort(([, a], [, b]) => b - a).slice(0, MAX_BARS);
  return barChart(
    'What busy sessions wait for',
    bars.map(([name]) => name),
    [{ name: 'sessions', values: bars.map(([, sum]) => sum) }],
    'average busy sessions',
    true,
  );
}

function sessionTable({ sessions, leftOut }: ActiveQueriesReport): MessageBlock[] {
  const shown = sessions.slice(0, MAX_SESSIONS);
  return table(
    'Sessions that are not idle',
    ['pid', 'who', 'state', 'waits for', 'statement since', 'transaction since', 'statement'],
    shown.map((session) => [
      String(session.pid),
      session.application || session.role,
      session.state,
      session.waitEventType === null ? null : `${session.waitEventType} ${session.waitEvent ?? ''}`,
      age(session.queryAgeMs),
      age(session.xactAgeMs),
      clip(session.query.text, 80),
    ]),
    sessions.length - shown.length + leftOut,
  );
}

function age(ms: number | null) {
  return ms === null ? null : { value: ms, text: milliseconds(ms) };
}
