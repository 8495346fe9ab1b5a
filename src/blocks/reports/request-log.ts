import { count } from '../../diagnosis/words.ts';
import type { RequestLogReport } from '../../probes/request-log.ts';
import { bullets, context, type MessageBlock, rich, span, table } from '../kit.ts';
import { clip, escapeText, milliseconds } from '../text.ts';

const MAX_ROWS = 8;
const MAX_EXCEPTIONS = 5;

/** What the log of the API says of its last minutes. */
export function requestLogBlocks(report: RequestLogReport): MessageBlock[] {
  return [
    rich(span(sentence(report), { bold: true })),
    ...shapeTable(report),
    ...trouble(report),
    context(coverage(report)),
  ];
}

function sentence({ requests, timed, p95Ms, maxMs, errors5xx, spanMs }: RequestLogReport): string {
  if (requests === 0) return 'The log has no request of the last 10 minutes.';
  const over = spanMs === null ? '' : ` in ${milliseconds(spanMs)}`;
  const times =
    timed === 0
      ? 'no durations in the log'
      : `95 % of them within ${milliseconds(p95Ms)}, the slowest ${milliseconds(maxMs)}`;
  return `${count(requests, 'request', 'requests')}${over}: ${times}, ${errors5xx} answered with 5xx.`;
}

function shapeTable({ shapes, shapesLeftOut }: RequestLogReport): MessageBlock[] {
  const shown = shapes.slice(0, MAX_ROWS);
  return table(
    'Requests that took the most time together',
    ['request', 'count', 'mean', 'slowest', '5xx'],
    shown.map(({ method, path, count: n, meanMs, maxMs, errors5xx }) => [
      clip(`${method} ${path}`, 80),
      n,
      time(meanMs),
      time(maxMs),
      errors5xx,
    ]),
    shapes.length - shown.length + shapesLeftOut,
  );
}

const time = (ms: number | null) => (ms === null ? null : { value: ms, text: milliseconds(ms) });

function trouble(report: RequestLogReport): MessageBlock[] {
  const { workerTimeouts, workerKills, status502, status504, status499, exceptions, exceptionsLeftOut } =
    report;
  const told: [n: number, words: string][] = [
    [workerTimeouts, 'workers were killed for their time-out (WORKER TIMEOUT)'],
    [workerKills, 'workers got SIGKILL, perhaps out of memory'],
    [status502, 'answers 502: a worker died in the middle'],
    [status504, 'answers 504: the proxy gave up'],
    [status499, 'answers 499: the client gave up'],
  ];
  const shown = exceptions.slice(0, MAX_EXCEPTIONS);
  const more = exceptions.length - shown.length + exceptionsLeftOut;
  const lines = [
    ...told.filter(([n]) => n > 0).map(([n, words]) => `${n} × ${words}`),
    ...shown.map(({ name, count: n }) => `${n} × ${name}`),
    ...(more > 0 ? [`and ${more} more exceptions`] : []),
  ];
  return lines.length > 0 ? [bullets(lines, 'Errors', 160)] : [];
}

function coverage({ source, lines, unread, cut, notSeen }: RequestLogReport): string {
  const where = source === 'journal' ? 'the journal' : 'the log file';
  const older = cut ? '; older lines were not read' : '';
  const unseen = notSeen.map(({ what, reason, remedy }) =>
    escapeText(clip(`Not seen: ${what}: ${reason}${remedy ? `; ${remedy}` : ''}`, 400)),
  );
  return `${lines} lines of ${where}, ${unread} of them of another kind${older}. Durations leave out the time in the listen queue.${unseen.map((one) => ` ${one}`).join('')}`;
}
