import type { LoggedEvent, LoggedRequest } from './log-events.ts';
import type { RequestLogReport } from './request-log.ts';

const MAX_SHAPES = 20;
const MAX_EXCEPTIONS = 10;
const MAX_MINUTES = 12;
const MINUTE_MS = 60_000;

type Summary = Omit<RequestLogReport, 'source' | 'lines' | 'unread' | 'cut'>;

/** Requests and events as counts, times and shapes. */
export function logSummary(requests: LoggedRequest[], events: LoggedEvent[]): Summary {
  const times = [...requests, ...events].flatMap(({ atMs }) => atMs ?? []);
  const [from, to] = [least(times), most(times)];
  const timed = requests.flatMap(({ ms }) => ms ?? []).sort((a, b) => a - b);
  const withStatus = (status: number) => requests.filter((request) => request.status === status).length;
  const happened = (kind: LoggedEvent['event']['kind']) =>
    events.filter(({ event }) => event.kind === kind).length;
  return {
    from: from === null ? null : new Date(from).toISOString(),
    to: to === null ? null : new Date(to).toISOString(),
    spanMs: from === null || to === null ? null : to - from,
    requests: requests.length,
    timed: timed.length,
    p50Ms: quantile(timed, 0.5),
    p95Ms: quantile(timed, 0.95),
    maxMs: timed.at(-1) ?? null,
    errors5xx: requests.filter(isError).length,
    status502: withStatus(502),
    status504: withStatus(504),
    status499: withStatus(499),
    ...shapesOf(requests),
    workerTimeouts: happened('worker-timeout'),
    workerKills: happened('worker-killed'),
    workerBoots: happened('worker-booted'),
    ...exceptionsOf(events),
    perMinute: perMinute(requests),
    notSeen: unseen(requests, timed.length),
  };
}

const isError = ({ status }: LoggedRequest): boolean => status >= 500;

const least = (numbers: number[]): number | null =>
  numbers.length > 0 ? numbers.reduce((a, b) => Math.min(a, b)) : null;
const most = (numbers: number[]): number | null =>
  numbers.length > 0 ? numbers.reduce((a, b) => Math.max(a, b)) : null;

/** Nearest rank. */
const quantile = (sorted: number[], q: number): number | null =>
  sorted[Math.ceil(sorted.length * q) - 1] ?? null;

const total = (numbers: number[]): number => numbers.reduce((sum, n) => sum + n, 0);

function grouped<T>(items: T[], keyOf: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return [...groups.values()];
}

function shapesOf(requests: LoggedRequest[]): Pick<Summary, 'shapes' | 'shapesLeftOut'> {
  const shapes = grouped(requests, ({ method, path }) => `${method} ${path}`).flatMap((group) => {
    const times = group.flatMap(({ ms }) => ms ?? []);
    if (!group[0]) return [];
    return {
      method: group[0].method,
      path: group[0].path,
      count: group.length,
      errors5xx: group.filter(isError).length,
      meanMs: times.length > 0 ? total(times) / times.length : null,
      maxMs: most(times),
    };
  });
  const weight = ({ meanMs, count }: (typeof shapes)[number]) => (meanMs ?? 0) * count;
  shapes.sort((a, b) => weight(b) - weight(a) || b.count - a.count);
  return { shapes: shapes.slice(0, MAX_SHAPES), shapesLeftOut: Math.max(0, shapes.length - MAX_SHAPES) };
}

function exceptionsOf(events: LoggedEvent[]): Pick<Summary, 'exceptions' | 'exceptionsLeftOut'> {
  const names = events.flatMap(({ event }) => (event.kind === 'exception' ? event.name : []));
  const counts = grouped(names, (name) => name)
    .flatMap((group) => (group[0] === undefined ? [] : { name: group[0], count: group.length }))
    .sort((a, b) => b.count - a.count);
  return {
    exceptions: counts.slice(0, MAX_EXCEPTIONS),
    exceptionsLeftOut: Math.max(0, counts.length - MAX_EXCEPTIONS),
  };
}

function perMinute(requests: LoggedRequest[]): Summary['perMinute'] {
  const dated = requests.flatMap((request) =>
    request.atMs === null ? [] : { ...request, minute: Math.floor(request.atMs / MINUTE_MS) },
  );
  return grouped(dated, ({ minute }) => String(minute))
    .flatMap((group) => {
      const times = group.flatMap(({ ms }) => ms ?? []);
      if (!group[0]) return [];
      return {
        at: new Date(group[0].minute * MINUTE_MS).toISOString(),
        requests: group.length,
        errors5xx: group.filter(isError).length,
        meanMs: times.length > 0 ? total(times) / times.length : null,
      };
    })
    .sort((a, b) => a.at.localeCompare(b.at))
    .slice(-MAX_MINUTES);
}

/** https://docs.gunicorn.org/en/stable/settings.html#access-log-format: %(U)s has no query string, %(L)s is in seconds. */
const FORMAT = `--access-logfile - --access-logformat '%(h)s %(t)s "%(m)s %(U)s" %(s)s %(B)s %(L)s'`;

function unseen(requests: LoggedRequest[], timed: number): Summary['notSeen'] {
  if (requests.length === 0) {
    const reason = 'the log has no request of the last 10 minutes: Gunicorn writes none by default';
    return [{ what: 'requests', reason, remedy: `start Gunicorn with ${FORMAT}` }];
  }
  if (timed === requests.length) return [];
  const share = timed === 0 ? 'no line' : `only ${timed} of ${requests.length} lines`;
  const reason = `${share} of the log says how long a request took, in a unit that can be told`;
  return [{ what: 'durations', reason, remedy: `start Gunicorn with ${FORMAT}` }];
}
