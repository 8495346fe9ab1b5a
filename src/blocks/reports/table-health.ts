import { count } from '../../diagnosis/words.ts';
import type { TableHealth, TableHealthReport } from '../../probes/table-health.ts';
import { bullets, context, type MessageBlock, rich, span, table } from '../kit.ts';
import { milliseconds, percent } from '../text.ts';
import { bytes } from './report-words.ts';

const MAX_ROWS = 8;
const MAX_LINES = 6;

const FINDINGS: Record<TableHealth['findings'][number], string> = {
  'vacuum-due': 'vacuum is due',
  bloated: 'bloated',
  'never-analyzed': 'never analysed',
  'analyze-due': 'statistics are stale',
  'autovacuum-off': 'autovacuum is off',
  'wraparound-near': 'wraparound is near',
};

/** Which tables vacuum or statistics have left behind, and what holds them back. */
export function tableHealthBlocks(report: TableHealthReport): MessageBlock[] {
  const troubled = report.tables.filter(({ findings }) => findings.length > 0);
  const { autovacuum, wraparound, tables, tablesLeftOut } = report;
  const lines = [...workers(report), ...holders(report), ...indexes(report)];
  const more = lines.length > MAX_LINES ? [`and ${lines.length - MAX_LINES} more`] : [];
  return [
    rich(
      span(
        troubled.length === 0
          ? `Vacuum and statistics keep up with the ${count(tables.length, 'table', 'tables')} looked at.`
          : `${count(troubled.length, 'table is', 'tables are')} behind with vacuum or statistics.`,
        { bold: true },
      ),
    ),
    ...table(
      'Tables behind',
      ['table', 'what', 'dead rows', 'changed since analyze', 'last vacuum', 'size'],
      troubled
        .slice(0, MAX_ROWS)
        .map((row) => [
          `${row.schema}.${row.table}`,
          row.findings.map((finding) => FINDINGS[finding]).join(', '),
          { value: row.deadRows, text: `${row.deadRows} (${percent(row.deadRatio)})` },
          row.modifiedSinceAnalyze,
          row.sinceVacuumMs === null
            ? 'never'
            : { value: row.sinceVacuumMs, text: `${milliseconds(row.sinceVacuumMs)} ago` },
          { value: row.bytes, text: bytes(row.bytes) },
        ]),
      Math.max(0, troubled.length - MAX_ROWS),
    ),
    ...(lines.length > 0 ? [bullets([...lines.slice(0, MAX_LINES), ...more], undefined, 200)] : []),
    context(
      `Autovacuum is ${autovacuum.enabled && autovacuum.trackCounts ? 'on' : 'off'}, ${autovacuum.workersBusy} of ${autovacuum.workersMax} workers busy. ` +
        `Oldest transaction horizon: ${percent(wraparound.xidAge / wraparound.freezeMaxAge)} of the way to a wraparound vacuum.` +
        (tablesLeftOut > 0 ? ` ${tablesLeftOut} quieter tables were not looked at.` : ''),
    ),
  ];
}

function workers({ workers: all }: TableHealthReport): string[] {
  return all.map(({ pid, table: name, phase, ageMs, manual, preventsWraparound }) => {
    const who = manual ? 'a vacuum by hand' : 'autovacuum';
    const wraparound = preventsWraparound ? ' to prevent wraparound (never end it)' : '';
    return `${who} (pid ${pid}) works on ${name ?? 'another database'}${wraparound}: ${phase ?? 'beginning'}, for ${milliseconds(ageMs)}`;
  });
}

function holders({ holders: all }: TableHealthReport): string[] {
  return all
    .filter(({ kind, ageMs }) => kind !== 'session' || (ageMs ?? 0) >= 60_000)
    .map(({ kind, id, xminAge, ageMs, state }) => {
      const age = ageMs === null ? '' : ` for ${milliseconds(ageMs)}`;
      return `${kind === 'session' ? 'pid' : kind} ${id} (${state}) keeps dead rows of ${xminAge} transactions from being removed${age}`;
    });
}

function indexes({ invalidIndexes, unusedIndexes }: TableHealthReport): string[] {
  return [
    ...invalidIndexes.map(({ schema, table: name, index, beingBuilt }) =>
      beingBuilt
        ? `the index ${index} of ${schema}.${name} is being built`
        : `the index ${index} of ${schema}.${name} is invalid: writes pay for it and nothing uses it`,
    ),
    ...unusedIndexes.map(
      ({ schema, table: name, index, bytes: size }) =>
        `the index ${index} of ${schema}.${name} (${bytes(size)}) was never used`,
    ),
  ];
}
