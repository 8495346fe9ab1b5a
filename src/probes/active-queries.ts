import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { BotError } from '../errors.ts';
import { Session } from '../targets/backend.ts';
import type { PostgresTarget } from '../targets/postgres.ts';
import { timeLimit } from '../targets/time-limit.ts';
import type { Probe } from './probe.ts';
import { SESSION_COLUMNS, type SessionRow, toSession } from './session-row.ts';

const SAMPLE_EVERY_MS = 250;
const MAX_SESSIONS = 50;
/** After the window the last sample, and then the sessions, have this long. */
const LAST_SAMPLE_MS = 700;
const SESSIONS_MS = 1_500;

// One row per busy process; a parallel worker counts for its leader. Each sample is a transaction of its own, or
// pg_stat_activity would stay frozen. No wait event means that the process is on the CPU.
const SAMPLE = `
  select
    coalesce(a.leader_pid, a.pid) as pid,
    a.application_name as application,
    coalesce(a.usename, '') as role,
    coalesce(a.wait_event_type, 'CPU') as "waitType",
    coalesce(a.wait_event, 'on-cpu') as event
  from pg_stat_activity a
  where a.datname = current_database()
  and a.pid <> pg_backend_pid()
  and a.application_name not like 'latency-bot%'
  and a.backend_type in ('client backend', 'parallel worker', 'autovacuum worker')
  and a.state in ('active', 'fastpath function call')
  limit 2000`;

const SESSIONS = `
  select
    ${SESSION_COLUMNS}
  from pg_stat_activity a
  left join pg_roles r on r.oid = a.usesysid
  where a.datname = current_database()
  and a.pid <> pg_backend_pid()
  and a.application_name not like 'latency-bot%'
  and a.backend_type in ('client backend', 'autovacuum worker')
  and a.state <> 'idle'
  order by coalesce(a.wait_event_type, '') = 'Lock', least(a.query_start, a.xact_start)
  limit 300`;

const Activity = z.object({
  waitType: z.string(),
  event: z.string(),
  application: z.string(),
  role: z.string(),
  /** Average number of busy sessions; parallel workers count. */
  averageActive: z.number(),
});

const Report = z.object({
  windowMs: z.number(),
  samples: z.number(),
  activity: z.array(Activity),
  /** Average busy sessions of the application's roles, each counted once however many workers it has. */
  applicationActive: z.number(),
  /** Average busy processes of all roles, parallel workers included. */
  totalActive: z.number(),
  /** Sessions that are not idle, those that wait for no lock first, then the oldest. */
  sessions: z.array(Session.extend({ averageActive: z.number() })),
  /** Sessions that are not idle and did not fit in. */
  leftOut: z.number(),
});

export type ActiveQueriesReport = z.infer<typeof Report>;
interface SampleRow {
  pid: number;
  application: string;
  role: string;
  waitType: string;
  event: string;
}

/** What the sessions of the database are busy with, sampled over the window. */
export const activeQueries: Probe<ActiveQueriesReport> = {
  id: 'active-queries',
  title: 'Busy database sessions',
  runbookStep: 2,
  needs: ['postgres'],
  cost: '13 reads of pg_stat_activity within the window and two of the sessions that are busy',
  requires: ['postgres:reachable', 'postgres:read-all-stats'],
  improvedBy: ['postgres:query-id', 'postgres:reserved-slots'],
  report: Report,

  async run({ targets, service, windowMs, signal }) {
    if (!targets.postgres) throw new BotError('not-configured', 'no PostgreSQL is configured');
    const { postgres } = targets;
    const startedAt = performance.now();
    const until = (ms: number) => timeLimit(signal, Math.max(0, startedAt + ms - performance.now()));
    const ask = { probe: 'active-queries', sql: SESSIONS };
    const begin = await postgres.query<SessionRow>({ ...ask, signal });
    const samples = await sampleActivity(postgres, windowMs, until(windowMs + LAST_SAMPLE_MS));
    // Late is worse than a little old: on a starved server the sessions of the begin have to do.
    const rows = await unlessLate(
      postgres.query<SessionRow>({ ...ask, signal: until(windowMs + SESSIONS_MS) }),
      begin,
    );
    const shown = rows.slice(0, MAX_SESSIONS);
    const roles = service.targets.postgres?.applicationRoles ?? [];
    const isApplication = (row: SampleRow) => roles.length === 0 || roles.includes(row.role);
    const average = (count: number) => count / samples.length;
    const bySession = countBy(samples.flat(), (row) => String(row.pid));
    return {
      windowMs,
      samples: samples.length,
      activity: summarise(samples),
      applicationActive: average(
        samples.reduce(
          (sum, sample) => sum + new Set(sample.filter(isApplication).map((row) => row.pid)).size,
          0,
        ),
      ),
      totalActive: average(samples.flat().length),
      sessions: await Promise.all(
        shown.map(async (row) => ({
          ...(await toSession(row)),
          averageActive: average(bySession.get(String(row.pid)) ?? 0),
        })),
      ),
      leftOut: rows.length - shown.length,
    };
  },
};

/** What was seen before, where this answer does not come in time. */
async function unlessLate<T, U>(answer: Promise<T>, before: U): Promise<T | U> {
  try {
    return await answer;
  } catch (error) {
    if (isLate(error)) return before;
    throw error;
  }
}

const isLate = (error: unknown) => error instanceof BotError && error.code === 'target-timeout';

/**
 * No connection is held between two samples: other probes share the budget. A server that stops to answer ends the
 * series, and does not take back what it said before.
 */
async function sampleActivity(
  postgres: PostgresTarget,
  windowMs: number,
  signal: AbortSignal,
): Promise<SampleRow[][]> {
  const samples: SampleRow[][] = [];
  const startedAt = performance.now();
  for (;;) {
    const sample = postgres.query<SampleRow>({ probe: 'active-queries', sql: SAMPLE, signal });
    const rows = await (samples.length === 0 ? sample : unlessLate(sample, null));
    if (rows === null) return samples;
    samples.push(rows);
    const elapsedMs = performance.now() - startedAt;
    const nextMs = Math.ceil((elapsedMs + 1) / SAMPLE_EVERY_MS) * SAMPLE_EVERY_MS;
    if (nextMs > windowMs) return samples;
    // On a starved server the sessions of the begin take part of the time: then the series is shorter.
    const slept = await sleep(nextMs - elapsedMs, true, { signal }).catch(() => false);
    if (!slept) return samples;
  }
}

function summarise(samples: SampleRow[][]): z.infer<typeof Activity>[] {
  const rows = samples.flat();
  const keyOf = ({ waitType, event, application, role }: SampleRow) =>
    JSON.stringify([waitType, event, application, role]);
  const first = new Map(rows.map((row) => [keyOf(row), row]));
  const counts = countBy(rows, keyOf);
  return [...first]
    .map(([key, { waitType, event, application, role }]) => ({
      waitType,
      event,
      application,
      role,
      averageActive: (counts.get(key) ?? 0) / samples.length,
    }))
    .sort((a, b) => b.averageActive - a.averageActive)
    .slice(0, 200);
}

function countBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1);
  return counts;
}
