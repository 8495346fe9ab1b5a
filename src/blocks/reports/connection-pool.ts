import { count } from '../../diagnosis/words.ts';
import type { ConnectionPoolReport } from '../../probes/connection-pool.ts';
import { barChart } from '../bar-chart.ts';
import { bullets, context, type MessageBlock, rich, span, table } from '../kit.ts';
import { milliseconds, percent } from '../text.ts';

const MAX_ROWS = 8;
const MAX_LIMITS = 5;

/** How many connection slots are left, and who holds the others. */
export function connectionPoolBlocks(report: ConnectionPoolReport): MessageBlock[] {
  const { used, usable, usedRatio, maxConnections, reserved, lockWaiters } = report;
  const free = Math.max(0, usable - used);
  const waiters =
    lockWaiters > 0
      ? ` ${count(lockWaiters, 'of them waits for a lock.', 'of them wait for a lock.')}`
      : ' None of them waits for a lock.';
  return [
    rich(
      span(
        `${used} of ${usable} connection slots are in use (${percent(usedRatio)}), ${free} ${free === 1 ? 'is' : 'are'} free.`,
        { bold: true },
      ),
      span(waiters),
    ),
    ...stateChart(report),
    ...groupTable(report),
    ...limits(report),
    context(`\`max_connections\` is ${maxConnections}, of which ordinary roles do not get ${reserved}.`),
  ];
}

function stateChart({ byState }: ConnectionPoolReport): MessageBlock[] {
  const states = Object.entries(byState).sort(([, a], [, b]) => b - a);
  const series = [{ name: 'connections', values: states.map(([, connections]) => connections) }];
  return barChart(
    'Connections by state',
    states.map(([state]) => state),
    series,
    'connections',
    true,
  );
}

function groupTable({ groups }: ConnectionPoolReport): MessageBlock[] {
  const shown = groups.slice(0, MAX_ROWS);
  return table(
    'Who holds connections',
    ['role', 'application', 'state', 'connections', 'longest in that state', 'oldest transaction'],
    shown.map((group) => [
      group.role,
      group.application || '(no name)',
      group.state,
      group.count,
      age(group.oldestInStateMs),
      age(group.oldestXactMs),
    ]),
    groups.length - shown.length,
  );
}

/** Limits of a role or a database can be used up while the server has slots. */
function limits({ limits: all }: ConnectionPoolReport): MessageBlock[] {
  if (all.length === 0) return [];
  const fullest = [...all].sort((a, b) => b.used / Math.max(1, b.limit) - a.used / Math.max(1, a.limit));
  const lines = fullest
    .slice(0, MAX_LIMITS)
    .map(({ kind, name, limit, used }) => `${kind} ${name}: ${used} of ${limit}`);
  const more = all.length > MAX_LIMITS ? [`and ${all.length - MAX_LIMITS} more`] : [];
  return [bullets([...lines, ...more], 'Connection limits of their own, the fullest first', 160)];
}

function age(ms: number | null) {
  return ms === null ? null : { value: ms, text: milliseconds(ms) };
}
