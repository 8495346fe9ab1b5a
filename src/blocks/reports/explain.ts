import { count } from '../../diagnosis/words.ts';
import type { ExplainedStatement, ExplainReport } from '../../probes/explain.ts';
import { bullets, context, type MessageBlock, preformatted, rich, span, table } from '../kit.ts';
import { clip, milliseconds } from '../text.ts';
import { bytes, notSeenBlocks } from './report-words.ts';

const MAX_PROBLEMS = 6;

type Problem = ExplainedStatement['problems'][number];
type Index = NonNullable<ExplainedStatement['index']>;

/** The plans of suspect statements, what is wrong with them, and the index that would help. */
export function explainBlocks(report: ExplainReport): MessageBlock[] {
  const { statements, leftOut, notSeen } = report;
  const problems = statements.flatMap((statement) => statement.problems.map((one) => ({ statement, one })));
  const indexed = statements.find(({ index }) => index?.status === 'new') ?? statements.find((s) => s.index);
  return [
    rich(span(verdict(report, problems.length), { bold: true })),
    ...statementTable(statements, leftOut),
    ...(problems.length > 0
      ? [
          bullets([
            ...problems
              .slice(0, MAX_PROBLEMS)
              .map(({ statement, one }) => `${nameOf(statement)}: ${problemWords(one)}`),
            ...(problems.length > MAX_PROBLEMS ? [`and ${problems.length - MAX_PROBLEMS} more`] : []),
          ]),
        ]
      : []),
    ...(indexed?.index ? indexBlocks(indexed.index) : []),
    context('Planned without values and not run: row counts are the estimates of the planner.'),
    ...notSeenBlocks(notSeen),
  ];
}

function verdict({ statements }: ExplainReport, problems: number): string {
  if (statements.length === 0)
    return 'No statement took time within the window, and no suspect was explained.';
  const plans = count(statements.length, 'plan was looked at', 'plans were looked at');
  return problems === 0
    ? `${plans}: nothing is wrong with them.`
    : `${plans}: ${count(problems, 'problem', 'problems')}.`;
}

const nameOf = ({ source, name, query }: ExplainedStatement) =>
  source === 'suspect' ? name : clip(query.text, 60);

function statementTable(statements: ExplainedStatement[], leftOut: number): MessageBlock[] {
  return table(
    'Plans',
    ['statement', 'scan', 'cost', 'mean', 'calls'],
    statements.map((statement) => {
      const { plan, measured, runningMs } = statement;
      const running = runningMs === null ? null : `running for ${milliseconds(runningMs)}`;
      return [
        clip(nameOf(statement), 80),
        scanWords(plan),
        Math.round(plan.cost),
        measured ? milliseconds(measured.meanMs) : running,
        measured?.calls ?? null,
      ];
    }),
    leftOut,
  );
}

function scanWords({ nodes }: ExplainedStatement['plan']): string {
  const scans = nodes.filter(({ relation }) => relation !== null);
  const [first] = scans.toSorted((a, b) => b.cost - a.cost);
  return first ? `${first.type} on ${first.relation}` : (nodes[0]?.type ?? 'nothing');
}

function indexBlocks(index: Index): MessageBlock[] {
  if (index.status === 'exists') {
    return [context('An index for it exists and the planner does not use it: look at its statistics.')];
  }
  if (index.status !== 'new') {
    const words =
      index.status === 'invalid'
        ? 'is invalid: its build never finished, and only its writes are paid for'
        : 'is being built now';
    return [bullets([`the index ${index.existing ?? index.name} ${words}`])];
  }
  const { whatIf } = index;
  const gain = whatIf
    ? `hypopg: cost ${Math.round(whatIf.costBefore)} → ${Math.round(whatIf.costAfter)}${whatIf.used ? '' : ', not used'}`
    : 'not tried: hypopg is not there';
  const size = index.estimatedBytes === null ? '' : ` About ${bytes(index.estimatedBytes)}.`;
  const many = index.tooManyIndexes ? ` The table has ${index.indexesOnTable} indexes already.` : '';
  return [
    preformatted(index.create),
    context(
      `The index that would help (${gain}).${size}${many} Better by a migration: \`AddIndexConcurrently\`, \`atomic = False\`.`,
    ),
  ];
}

function problemWords({ rule, relation, name, expected, actual }: Problem): string {
  const on = relation ?? 'a table';
  const [all, some] = [number(expected), number(actual)];
  switch (rule) {
    case 'selective-seq-scan':
      return `reads all ${all} rows of ${on} to keep about ${some}`;
    case 'wasted-index-scan':
      return `throws away most of what it reads from ${on}${name ? ` by ${name}` : ''} (cost ${all} for about ${some} rows)`;
    case 'sort-for-limit':
      return `sorts about ${all} rows of ${on} to show a page of them`;
    case 'sort-spill':
      return `${name} writes ${bytes(actual ?? 0)} to disk in each call: work_mem does not hold it`;
    case 'loop-bomb':
      return `looks into ${on} about ${all} times in a loop`;
    case 'row-misestimate':
      return `the planner expects ${all} rows, a call returns ${some}`;
    case 'cold-reads':
      return `${some} of ${all} blocks of a call come from outside of the buffers`;
    case 'never-analyzed':
      return `${on} was never analysed: the planner guesses`;
    case 'stale-statistics':
      return `${some} rows of ${on} changed since it was analysed (${all} rows)`;
    case 'expression-on-column':
      return `a function or cast around ${name} of ${on} keeps its index from being used`;
    case 'planner-setting':
      return `${name} is off for this role or database`;
  }
}

const number = (value: number | null) =>
  value === null ? 'unknown' : new Intl.NumberFormat('en', { maximumFractionDigits: 0 }).format(value);
