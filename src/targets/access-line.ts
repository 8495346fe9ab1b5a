/** One request of an access log, without client, query string or user agent. */
export interface AccessLine {
  atMs: number | null;
  method: string;
  /** The path by its shape: "/api/accounts/{id}/". */
  path: string;
  status: number;
  duration: Duration | null;
}

/** A number in the log, in the unit that it stands in; "whole" may be milliseconds or microseconds. */
export type Duration = { unit: 'ms'; ms: number } | { unit: 'whole'; value: number };

/**
 * Reads a line of Gunicorn's, nginx's or Apache's access log, or of an AWS load balancer. Null for any other line. Its
 * patterns are linear, and the caller has limited the line's length.
 */
export function accessLineOf(line: string): AccessLine | null {
  return balancerLine(line) ?? combinedLine(line);
}

// The request stands in the first quoted field, the status behind it: the common log format, Gunicorn's default, and
// the recommended "%(m)s %(U)s".
const COMBINED = /^[^"]{0,500}"([A-Z]{3,10}) ([^"\s]{1,2048})(?: HTTP\/[\d.]{1,3})?" (\d{3})(?: |$)/;
const CLF_TIME = /\[(\d{2})\/([A-Z][a-z]{2})\/(\d{4}):(\d{2}:\d{2}:\d{2}) ([+-]\d{2})(\d{2})\]/;

function combinedLine(line: string): AccessLine | null {
  const match = COMBINED.exec(line);
  if (!match) return null;
  const [head, method = '', target = '', status] = match;
  return {
    atMs: clfTime(line.slice(0, 600)),
    method,
    path: pathShape(target),
    status: Number(status),
    duration: durationOf(line.slice(head.length)),
  };
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

function clfTime(text: string): number | null {
  const match = CLF_TIME.exec(text);
  if (!match) return null;
  const [, day, monthName = '', year, time, hours, minutes] = match;
  const month = String(MONTHS.indexOf(monthName) + 1).padStart(2, '0');
  const at = Date.parse(`${year}-${month}-${day}T${time}${hours}:${minutes}`);
  return Number.isFinite(at) ? at : null;
}

/** The names that people give the time of a request, and Gunicorn's own atoms with a unit behind them. */
const NAMED =
  /(?:^| )(?:rt|request_time|duration|took|time)="?(\d{1,9}(?:\.\d{1,9})?)(ms|us|µs|s)?(?=["\s]|$)/;

/**
 * What follows status and size. nginx and %(L)s write seconds with a decimal point; %(D)s (µs) and %(M)s (ms) write a
 * whole number that does not say which. https://docs.gunicorn.org/en/stable/settings.html#access-log-format
 */
function durationOf(rest: string): Duration | null {
  const named = NAMED.exec(rest);
  if (named?.[1]) return withUnit(named[1], named[2]);
  const words = rest
    .replace(/"[^"]*"/g, '')
    .trim()
    .split(/ +/);
  // The first word is the size of the response, which is "-" when it has none.
  const numbers = words
    .slice(1)
    .flatMap((word) => /^(\d{1,10}(?:\.\d{1,9})?)(ms|us|µs|s)?$/.exec(word) ?? []);
  const exact = words.slice(1).find((word) => /^\d{1,9}\.\d{1,9}s?$|^\d{1,10}(?:ms|us|µs|s)$/.test(word));
  if (exact) return withUnit(exact.replace(/[a-zµ]+$/, ''), /[a-zµ]+$/.exec(exact)?.[0]);
  return numbers[1] ? withUnit(numbers[1], undefined) : null;
}

const MS_PER: Record<string, number> = { s: 1_000, ms: 1, us: 0.001, µs: 0.001 };

function withUnit(text: string, unit: string | undefined): Duration {
  if (unit === undefined && !text.includes('.')) return { unit: 'whole', value: Number(text) };
  return { unit: 'ms', ms: Number(text) * (MS_PER[unit ?? 's'] ?? 1_000) };
}

// type time elb client target request_processing target_processing response_processing elb_status target_status bytes
// bytes "METHOD url HTTP/1.1" … https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html
const BALANCER =
  /^(?:https?|h2|wss?|grpcs) (\d{4}-\d{2}-\d{2}T[\d:.]{8,20}Z) \S{1,200} \S{1,100} \S{1,100} (-?[\d.]{1,12}) (-?[\d.]{1,12}) (-?[\d.]{1,12}) (\d{3}) \S{1,5} \d{1,12} \d{1,12} "([A-Z]{3,10}) ([^"\s]{1,2048})/;

function balancerLine(line: string): AccessLine | null {
  const match = BALANCER.exec(line);
  if (!match) return null;
  const [, time = '', request, target, response, status, method = '', url = ''] = match;
  // −1: the target never answered, which is no duration.
  const parts = [request, target, response].map(Number);
  const answered = parts.every((part) => part >= 0);
  return {
    atMs: Date.parse(time),
    method,
    path: pathShape(url),
    status: Number(status),
    duration: answered ? { unit: 'ms', ms: parts.reduce((sum, part) => sum + part, 0) * 1_000 } : null,
  };
}

const MAX_SEGMENTS = 8;

/**
 * A path without what is particular to one request: the query string goes, and so does every segment that is not a
 * plain lower-case word or a version. Rather too much than an id, a name or an address.
 */
export function pathShape(target: string): string {
  const path = target.replace(/^[a-z]{2,6}:\/\/[^/]*/, '').replace(/[?#;].*$/, '');
  if (path === '' || path === '*') return '/';
  const segments = path
    .split('/')
    .map((segment) => (/^(?:[a-z][a-z_-]{0,39}|v\d{1,2}|)$/.test(segment) ? segment : '{id}'));
  if (segments.length <= MAX_SEGMENTS + 1) return segments.join('/');
  return `${segments.slice(0, MAX_SEGMENTS + 1).join('/')}/…`;
}
