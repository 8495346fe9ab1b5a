import { count, decimal } from '../../diagnosis/words.ts';
import type { NPlusOneFinding, NPlusOneReport } from '../../probes/n-plus-one.ts';
import { bullets, context, type MessageBlock, rich, span, table } from '../kit.ts';
import { clip, percent } from '../text.ts';

const MAX_ROWS = 6;
const QUERY_CHARACTERS = 160;

/** Whether views send one lookup for each row of a list. */
export function nPlusOneBlocks(report: NPlusOneReport): MessageBlock[] {
  return [
    rich(span(sentence(report), { bold: true }), span(perRequest(report))),
    ...findingTable(report),
    ...(report.fixes.length > 0
      ? [bullets(report.fixes.slice(0, 5), 'What would take them together', 300)]
      : []),
    ...busiest(report),
    ...(report.notSeen.length > 0
      ? [
          bullets(
            report.notSeen
              .slice(0, 5)
              .map(({ what, reason, remedy }) => `${what}: ${reason}${remedy ? `; ${remedy}` : ''}`),
            'Not seen',
            250,
          ),
        ]
      : []),
  ];
}

function sentence({ findings, lookups, threshold, rps }: NPlusOneReport): string {
  const [top] = findings;
  if (top) {
    const where = top.view ? ` by each request of ${top.view}` : ' for each request or list';
    return `A lookup in ${top.table} is sent ${decimal(top.callsPerRequest)} times${where}.`;
  }
  if (rps === 0) return 'No request completed in the window: lookups per request cannot be told.';
  return `None of the ${count(lookups, 'lookup', 'lookups')} by key is sent ${threshold} times per request or more.`;
}

function perRequest({ statementsPerRequest }: NPlusOneReport): string {
  return statementsPerRequest === null
    ? ''
    : ` Each request sends ${decimal(statementsPerRequest)} statements on average.`;
}

function findingTable({ findings, findingsLeftOut }: NPlusOneReport): MessageBlock[] {
  const shown = findings.slice(0, MAX_ROWS);
  return table(
    'Lookups sent row by row',
    ['lookup', 'view', 'per request', 'normally', 'calls/s', 'of all statements', 'of the time'],
    shown.map((one) => [
      clip(one.query.text, QUERY_CHARACTERS),
      viewOf(one),
      { value: one.callsPerRequest, text: decimal(one.callsPerRequest) },
      normally(one),
      { value: one.callsPerSecond, text: decimal(one.callsPerSecond) },
      { value: one.callShare, text: percent(one.callShare) },
      { value: one.timeShare, text: percent(one.timeShare) },
    ]),
    findingsLeftOut + findings.length - shown.length,
  );
}

function viewOf({ view, parent }: NPlusOneFinding): string | null {
  if (view) return view;
  return parent ? `lists of ${parent.tables.slice(0, 2).join(', ')}` : null;
}

function normally({ normalCallsPerRequest }: NPlusOneFinding) {
  return normalCallsPerRequest === null
    ? null
    : { value: normalCallsPerRequest, text: `${decimal(normalCallsPerRequest)} per request of any view` };
}

/** Beside "nothing found", what came nearest. */
function busiest({ findings, busiest: list }: NPlusOneReport): MessageBlock[] {
  const [top] = list;
  if (findings.length > 0 || !top || top.callsPerAnyRequest === null) return [];
  return [
    context(
      `The busiest lookup by key is sent ${decimal(top.callsPerAnyRequest)} times per request, ${decimal(top.callsPerSecond)} times a second.`,
    ),
  ];
}
