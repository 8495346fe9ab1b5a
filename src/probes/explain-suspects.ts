import { normalize } from 'libpg-query';
import type { SafeQuery } from '../targets/backend.ts';
import type { PostgresTarget } from '../targets/postgres.ts';
import { safeQuery } from '../targets/query-text.ts';
import type { StatementDelta, StatementSample } from '../targets/statement-samples.ts';
import { type StatementShape, statementShape } from '../targets/statement-shape.ts';
import { preparable } from './explain-statement.ts';
import type { NotSeen } from './not-seen.ts';
import type { Measured } from './plan-rules.ts';

/** The parser would block the event loop for longer texts. */
const MAX_TEXT = 20_000;
/** A statement that runs for this long already is worth a plan, whether it ends within the window or not. */
const RUNNING_MS = 1_000;

/** A statement to be explained, without its values. */
export interface Suspect {
  source: 'suspect' | 'running' | 'top';
  name: string;
  /** Stays in the process. */
  text: string;
  shape: StatementShape;
  query: SafeQuery;
  queryId: string | null;
  runningMs: number | null;
}

// A text that was cut cannot be parsed; its end is missing.
const RUNNING = `
  select
    to_jsonb(a) ->> 'query_id' as "queryId",
    (extract(epoch from clock_timestamp() - a.query_start) * 1000)::float8 as "runningMs",
    a.query as text
  from pg_stat_activity a
  where a.datname = current_database()
  and a.pid <> pg_backend_pid()
  and a.application_name not like 'latency-bot%'
  and a.backend_type = 'client backend'
  and a.state = 'active'
  and a.wait_event_type is distinct from 'Lock'
  and a.query_start < clock_timestamp() - $1 * interval '1 millisecond'
  and octet_length(a.query) < (select setting::int from pg_settings where name = 'track_activity_query_size') - 4
  order by a.query_start
  limit 20`;

/** The configured suspects; what is wrong with one is told. */
export async function configuredSuspects(
  suspects: Readonly<Record<string, string>>,
  notSeen: NotSeen[],
): Promise<Suspect[]> {
  const found: Suspect[] = [];
  for (const [name, text] of Object.entries(suspects)) {
    const suspect = await suspectOf({ source: 'suspect', name, text, queryId: null, runningMs: null });
    if (suspect) found.push(suspect);
    else
      notSeen.push({
        what: `the suspect "${name}"`,
        reason: 'it is not one SELECT, INSERT, UPDATE or DELETE that PostgreSQL can parse',
        remedy: 'mend targets.postgres.suspects',
      });
  }
  return found;
}

/** Statements that have been running for long, the oldest first, each shape once. */
export async function runningSuspects(postgres: PostgresTarget, signal: AbortSignal): Promise<Suspect[]> {
  const rows = await postgres.query<{ queryId: string | null; runningMs: number; text: string }>({
    probe: 'explain',
    sql: RUNNING,
    values: [RUNNING_MS],
    signal,
  });
  const found: Suspect[] = [];
  for (const { queryId, runningMs, text } of rows) {
    // Its literals become parameters: what is planned is the shape, as for every other statement.
    const normalized = text.length <= MAX_TEXT && (await statementShape(text)) ? await normalize(text) : null;
    if (normalized === null) continue;
    const name = 'running statement';
    const suspect = await suspectOf({ source: 'running', name, text: normalized, queryId, runningMs });
    if (suspect) found.push(suspect);
  }
  return distinct(found, []);
}

/** The statements that took the most time within the window, the most first. */
export async function topSuspects(sample: StatementSample): Promise<Suspect[]> {
  const found: Suspect[] = [];
  for (const { rawText, queryId, topLevel } of sample.deltas.slice(0, 20)) {
    if (rawText === null || !topLevel) continue;
    const name = 'top statement';
    const suspect = await suspectOf({ source: 'top', name, text: rawText, queryId, runningMs: null });
    if (suspect) found.push(suspect);
  }
  return distinct(found, []);
}

/** Those whose shape is not among `others`, each shape once. */
export function distinct(suspects: Suspect[], others: readonly Suspect[]): Suspect[] {
  const seen = new Set(others.map(({ query }) => query.fingerprint));
  return suspects.filter(({ query }) => {
    if (seen.has(query.fingerprint)) return false;
    seen.add(query.fingerprint);
    return true;
  });
}

/** What the window counted of a statement, over all roles that ran it. */
export function measuredOf(
  suspect: Suspect,
  sample: StatementSample | null,
): (Measured & { meanMs: number; shareOfTime: number }) | null {
  if (!sample) return null;
  const deltas = sample.deltas.filter(
    ({ query, queryId }) =>
      (suspect.queryId !== null && queryId === suspect.queryId) ||
      (query?.fingerprint != null && query.fingerprint === suspect.query.fingerprint),
  );
  const sum = (pick: (delta: StatementDelta) => number) =>
    deltas.reduce((total, delta) => total + pick(delta), 0);
  const calls = sum((delta) => delta.calls);
  if (calls === 0) return null;
  const all = sample.deltas.reduce((total, delta) => total + delta.totalMs, 0);
  return {
    calls,
    meanMs: sum((delta) => delta.totalMs) / calls,
    shareOfTime: all > 0 ? sum((delta) => delta.totalMs) / all : 0,
    rowsPerCall: sum((delta) => delta.rows) / calls,
    blksHitPerCall: sum((delta) => delta.sharedBlksHit) / calls,
    blksReadPerCall: sum((delta) => delta.sharedBlksRead) / calls,
    tempBlksWrittenPerCall: sum((delta) => delta.tempBlksWritten) / calls,
  };
}

/** Null for what has no plan worth a look: it reads no table of the application, or only inserts values. */
async function suspectOf(
  statement: Pick<Suspect, 'source' | 'name' | 'text' | 'queryId' | 'runningMs'>,
): Promise<Suspect | null> {
  if (statement.text.length > MAX_TEXT) return null;
  const text = preparable(statement.text).replace(/;\s*$/, '');
  const shape = await statementShape(text);
  if (!shape) return null;
  const own = shape.tables.filter(({ schema, name }) => !(schema ?? name).startsWith('pg_'));
  const plain = shape.kind === 'insert' && shape.tables.length === 1;
  if (statement.source !== 'suspect' && (own.length === 0 || plain)) return null;
  return { ...statement, text, shape, query: await safeQuery(text) };
}
