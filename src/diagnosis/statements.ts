import type { ActiveQueriesReport } from '../probes/active-queries.ts';
import type { ExplainedStatement } from '../probes/explain.ts';
import type { TopStatement } from '../probes/top-statements.ts';
import type { SafeQuery } from '../targets/backend.ts';
import type { Case } from './cause-rule.ts';
import { inFlightAt } from './ledger.ts';

type ActiveSession = ActiveQueriesReport['sessions'][number];

/** One shape of statement with all that the probes know of it, over all roles that run it. */
export interface StatementLoad {
  key: string;
  query: SafeQuery;
  /** Some of it runs for the API. */
  isApplication: boolean;
  /** What ended in the window, by role. */
  finished: TopStatement[];
  /** Sessions that run it now and wait for no lock, the oldest first. */
  running: ActiveSession[];
  plan: ExplainedStatement | null;
  /** Part of the activity of the database, 0 to 1: of what ended or of what was sampled, whichever is more. */
  part: number;
  /** Requests in flight that work at it in the database, or whose place there it takes. */
  inFlight: number;
}

/** The statements of a run, those that hold the most requests first. One that never ends is seen by its sessions. */
export function statementLoads(the: Case): StatementLoad[] {
  const { reports } = the.facts;
  const top = reports['top-statements']?.statements ?? [];
  const plans = reports.explain?.statements ?? [];
  const sessions = (reports['active-queries']?.sessions ?? []).filter(isAtWork);
  const byQueryId = new Map([
    ...plans.flatMap(({ queryId, query }) =>
      queryId !== null && query.fingerprint !== null ? [[queryId, query.fingerprint] as const] : [],
    ),
    ...top.flatMap(({ queryIds, fingerprint }) => queryIds.map((id) => [id, fingerprint] as const)),
  ]);
  const keyOf = (query: SafeQuery, queryId: string | null) =>
    query.fingerprint ?? (queryId === null ? null : (byQueryId.get(queryId) ?? `queryid:${queryId}`));
  const loads = new Map<string, StatementLoad>();
  const loadOf = (key: string, query: SafeQuery): StatementLoad => {
    const known = loads.get(key);
    if (known) return known;
    const load = { key, query, isApplication: false, finished: [], running: [], plan: null };
    const made: StatementLoad = { ...load, part: 0, inFlight: 0 };
    loads.set(key, made);
    return made;
  };
  for (const statement of top) loadOf(statement.fingerprint, statement.query).finished.push(statement);
  for (const plan of plans) {
    const key = keyOf(plan.query, plan.queryId);
    if (key !== null) loadOf(key, plan.query).plan ??= plan;
  }
  for (const session of sessions) {
    const key = keyOf(session.query, session.queryId);
    if (key !== null) loadOf(key, session.query).running.push(session);
  }
  return [...loads.values()]
    .map((load) => weighed(load, the))
    .sort((a, b) => b.inFlight - a.inFlight || b.part - a.part || a.key.localeCompare(b.key));
}

const isAtWork = (session: ActiveSession): boolean =>
  session.backendType === 'client backend' &&
  session.state === 'active' &&
  session.waitEventType !== 'Lock' &&
  // A client that reads slowly: the server has done its part.
  !(session.waitEventType === 'Client' && session.waitEvent === 'ClientWrite');

function weighed(load: StatementLoad, the: Case): StatementLoad {
  const { facts, ledger } = the;
  const active = facts.reports['active-queries'];
  const top = facts.reports['top-statements'];
  const ofApi = load.finished.filter(({ isApplication }) => isApplication);
  const runsForApi = load.running.filter(({ role }) => facts.isApplication(role));
  const apiTotal = (top?.byRole ?? [])
    .filter(({ isApplication }) => isApplication)
    .reduce((sum, { averageActive }) => sum + averageActive, 0);
  const part = Math.max(
    ratio(averageOf(load.finished), top?.total.averageActive ?? 0),
    ratio(averageOf(load.running), active?.totalActive ?? 0),
  );
  const partOfApi = Math.max(
    ratio(averageOf(ofApi), apiTotal),
    ratio(averageOf(runsForApi), active?.applicationActive ?? 0),
  );
  const isApplication = ofApi.length > 0 || runsForApi.length > 0;
  const working = inFlightAt(ledger, 'db-cpu', 'db-io');
  return {
    ...load,
    running: load.running.toSorted((a, b) => (b.queryAgeMs ?? 0) - (a.queryAgeMs ?? 0) || a.pid - b.pid),
    isApplication,
    part,
    // What is not the API's takes the database from it, in the measure in which it is busy there.
    inFlight: (isApplication ? partOfApi : part) * working,
  };
}

const averageOf = (rows: readonly { averageActive: number }[]): number =>
  rows.reduce((sum, { averageActive }) => sum + averageActive, 0);

const ratio = (part: number, whole: number): number => (whole > 0 ? Math.min(1, part / whole) : 0);

/** Calls and mean time of what ended in the window; null when nothing did. */
export function meanOf({ finished }: StatementLoad): { calls: number; meanMs: number } | null {
  const calls = finished.reduce((sum, one) => sum + one.calls, 0);
  const totalMs = finished.reduce((sum, one) => sum + one.calls * one.meanMs, 0);
  return calls > 0 ? { calls, meanMs: totalMs / calls } : null;
}

/** Blocks of 8 kB that one execution touches; null when none ended in the window. */
export function blocksPerCall({ finished }: StatementLoad): number | null {
  const calls = finished.reduce((sum, one) => sum + one.calls, 0);
  const blocks = finished.reduce((sum, one) => sum + one.sharedBlksHit + one.sharedBlksRead, 0);
  return calls > 0 ? blocks / calls : null;
}

/** Times its usual mean: that of a healthy day, or without one that of before the window; null when neither is known. */
export function factorOf({ finished }: StatementLoad): number | null {
  const [busiest] = finished.toSorted((a, b) => b.averageActive - a.averageActive);
  return busiest ? slowdownOf(busiest) : null;
}

function slowdownOf({ meanFactor, meanMs, earlierMeanMs }: TopStatement): number | null {
  if (meanFactor !== null) return meanFactor;
  return earlierMeanMs !== null && earlierMeanMs > 0 ? meanMs / earlierMeanMs : null;
}

/** How much slower the other statements are: a machine that is slow makes all of them so. 1 when there are too few. */
export function othersSlowdown({ facts }: Case, { key }: StatementLoad): number {
  const factors = (facts.reports['top-statements']?.statements ?? [])
    .filter(({ fingerprint }) => fingerprint !== key)
    .flatMap((statement) => slowdownOf(statement) ?? [])
    .sort((a, b) => a - b);
  return factors.length < MIN_OTHERS ? 1 : Math.max(1, factors[Math.floor((factors.length - 1) / 2)] ?? 1);
}

/** A median of fewer says nothing. */
const MIN_OTHERS = 3;

/** A statement in the middle of a sentence. */
export function shortText({ text }: SafeQuery): string {
  const plain = text.replace(/"/g, '');
  return plain.length > 120 ? `${plain.slice(0, 119)}…` : plain;
}
