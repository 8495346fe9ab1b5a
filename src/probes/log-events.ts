import { type AccessLine, accessLineOf, type Duration } from '../targets/access-line.ts';
import { type ErrorEvent, errorReader } from '../targets/error-line.ts';
import type { LogText } from '../targets/log-text.ts';

/** The runbook looks at the last minutes; an older incident in the same file is another one. */
const RECENT_MS = 10 * 60_000;

export interface LoggedRequest extends Omit<AccessLine, 'duration'> {
  ms: number | null;
}

export interface LoggedEvent {
  atMs: number | null;
  event: ErrorEvent;
}

export interface LogEvents {
  requests: LoggedRequest[];
  events: LoggedEvent[];
  /** Recent lines that are neither. */
  unread: number;
}

/** The requests and events of a log's last ten minutes. A line without a time happened when the one before it did. */
export function logEventsOf(log: LogText): LogEvents {
  const read = errorReader();
  const found: { access: AccessLine[]; events: LoggedEvent[]; unread: number } = {
    access: [],
    events: [],
    unread: 0,
  };
  let lastAt: number | null = null;
  for (const { text, atMs } of log.lines) {
    const access = accessLineOf(text);
    const error = access ? null : read(text);
    const at: number | null = access?.atMs ?? error?.atMs ?? atMs ?? lastAt;
    lastAt = at;
    if (at !== null && at < log.nowMs - RECENT_MS) continue;
    if (access) found.access.push({ ...access, atMs: at });
    else if (error?.event) found.events.push({ atMs: at, event: error.event });
    else if (!error) found.unread += 1;
  }
  const msOf = durations(found.access.flatMap(({ duration }) => duration ?? []));
  const requests = found.access.map(({ duration, ...access }) => ({
    ...access,
    ms: duration && msOf(duration),
  }));
  return { requests, events: found.events, unread: found.unread };
}

/** Longer than any worker may take (30 s by default) or shorter than any Python application answers. */
const NEVER_MS = 300_000;
const NEVER_BELOW_US = 50;

/**
 * Whole numbers are microseconds (%(D)s) or milliseconds (%(M)s), and no line says which. One of them is as long as no
 * request may take, or as short as none can be; where neither happens nobody can tell, and no duration is given.
 */
function durations(all: Duration[]): (duration: Duration) => number | null {
  let [least, most] = [Number.POSITIVE_INFINITY, 0];
  for (const duration of all) {
    if (duration.unit !== 'whole') continue;
    least = Math.min(least, duration.value);
    most = Math.max(most, duration.value);
  }
  const factor = most >= NEVER_MS ? 0.001 : least < NEVER_BELOW_US ? 1 : null;
  return (duration) => {
    if (duration.unit === 'ms') return duration.ms;
    return factor === null ? null : duration.value * factor;
  };
}
