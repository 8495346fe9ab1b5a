import { z } from 'zod';
import { BotError } from '../errors.ts';
import { logTextOf } from '../targets/log-text.ts';
import { logEventsOf } from './log-events.ts';
import { logSummary } from './log-summary.ts';
import { NotSeen } from './not-seen.ts';
import type { Probe } from './probe.ts';

const Count = z.int();
const Shape = z.object({
  method: z.string(),
  /** "/api/accounts/{id}/" */
  path: z.string(),
  count: Count,
  errors5xx: Count,
  /** Null without durations. */
  meanMs: z.number().nullable(),
  maxMs: z.number().nullable(),
});

const Report = z.object({
  source: z.enum(['journal', 'file']),
  /** Lines that were read, and those among them that nobody here understands. */
  lines: Count,
  unread: Count,
  /** The log goes back further than what was read. */
  cut: z.boolean(),
  /** Time that the requests and events cover, at most ten minutes; null when no line says when. */
  from: z.string().nullable(),
  to: z.string().nullable(),
  spanMs: z.number().nullable(),
  requests: Count,
  /** Requests whose line has a duration. It excludes the time in the listen queue. */
  timed: Count,
  p50Ms: z.number().nullable(),
  p95Ms: z.number().nullable(),
  maxMs: z.number().nullable(),
  errors5xx: Count,
  /** 502: the worker died in the middle. 504: the proxy gave up. 499: the client did (nginx). */
  status502: Count,
  status504: Count,
  status499: Count,
  /** By the time that they took together, or by their count where no durations are known. */
  shapes: z.array(Shape),
  shapesLeftOut: Count,
  workerTimeouts: Count,
  /** "was sent SIGKILL! Perhaps out of memory?" */
  workerKills: Count,
  workerBoots: Count,
  exceptions: z.array(z.object({ name: z.string(), count: Count })),
  exceptionsLeftOut: Count,
  /** Oldest first. */
  perMinute: z.array(
    z.object({ at: z.string(), requests: Count, errors5xx: Count, meanMs: z.number().nullable() }),
  ),
  notSeen: z.array(NotSeen),
});

export type RequestLogReport = z.infer<typeof Report>;

/** What the log of the API says of its last ten minutes: slow requests, errors, workers that were killed. */
export const requestLog: Probe<RequestLogReport> = {
  id: 'request-log',
  title: 'Log of the API',
  runbookStep: 1,
  needs: ['host'],
  cost: 'reads the last 1.5 MB of the log, or 5,000 lines of the journal, once',
  requires: ['host:reachable', 'host:log'],
  improvedBy: [],
  report: Report,

  async run({ targets, signal }) {
    if (!targets.host) throw new BotError('not-configured', 'no host of the API is configured');
    const log = logTextOf(await targets.host.look('log', signal));
    const { requests, events, unread } = logEventsOf(log);
    return {
      source: log.source,
      lines: log.lines.length,
      unread,
      cut: log.cut,
      ...logSummary(requests, events),
    };
  },
};
