import { z } from 'zod';
import { BotError, userMessageOf } from '../errors.ts';
import { SafeQuery } from '../targets/backend.ts';
import type { PostgresTarget } from '../targets/postgres.ts';
import { type StatementSample, sampleStatements } from '../targets/statement-samples.ts';
import { type ExplainMeans, explainStatement, MEANS, tryIndex } from './explain-statement.ts';
import {
  configuredSuspects,
  distinct,
  measuredOf,
  runningSuspects,
  type Suspect,
  topSuspects,
} from './explain-suspects.ts';
import { IndexCandidate, indexCandidate } from './index-candidate.ts';
import { NotSeen } from './not-seen.ts';
import { Plan } from './plan.ts';
import { PlanProblem, planProblems } from './plan-rules.ts';
import type { Probe } from './probe.ts';
import { type CatalogTable, readCatalog, resolveTable } from './table-catalog.ts';

const MAX_STATEMENTS = 6;
/** Leaves room for statements that are slow now, whatever the configuration names. */
const MAX_CONFIGURED = 4;
const MAX_RUNNING = 2;
/** For all plans together: planning is quick, or the server is in trouble and should not be asked for more. */
const PLANNING_MS = 1_000;
/** An index is worth its writes when it halves the cost; the default of dexter, which does this for a living. */
const WORTH_RATIO = 0.5;
const INDEXABLE = new Set(['selective-seq-scan', 'wasted-index-scan', 'sort-for-limit', 'loop-bomb']);

const MeasuredStatement = z.object({
  calls: z.number(),
  meanMs: z.number(),
  /** Of the execution time of all statements of the database within the window. */
  shareOfTime: z.number(),
  rowsPerCall: z.number(),
  /** Blocks of 8 kB. */
  blksHitPerCall: z.number(),
  blksReadPerCall: z.number(),
  tempBlksWrittenPerCall: z.number(),
});

const Statement = z.object({
  /** suspect: from the configuration. running: for a second or more. top: most time within the window. */
  source: z.enum(['suspect', 'running', 'top']),
  name: z.string(),
  query: SafeQuery,
  queryId: z.string().nullable(),
  runningMs: z.number().nullable(),
  /** What pg_stat_statements counted within the window; null when it was not seen there. */
  measured: MeasuredStatement.nullable(),
  plan: Plan,
  problems: z.array(PlanProblem),
  index: IndexCandidate.nullable(),
});
export type ExplainedStatement = z.infer<typeof Statement>;

const Report = z.object({
  statements: z.array(Statement),
  /** Candidates for which there was no place or no time. */
  leftOut: z.int(),
  /** Generic: planned without values and not run, so row counts are the planner's alone. */
  planKind: z.literal('generic'),
  /** Whether indexes could be tried without being built. */
  hypopg: z.boolean(),
  notSeen: z.array(NotSeen),
});
export type ExplainReport = z.infer<typeof Report>;

/** What takes the most time is planned before the window ends: at its end every probe wants one of the two connections. */
const PLANNED_AHEAD_MS = 500;

interface Looking {
  postgres: PostgresTarget;
  means: ExplainMeans;
  notSeen: NotSeen[];
  denied: string[];
  spentMs: number;
  leftOut: number;
  signal: AbortSignal;
}
interface Planned {
  suspect: Suspect;
  plan: Plan;
  tables: CatalogTable[];
  index: IndexCandidate | null;
}

/** The plans of suspect statements, what is wrong with them, and the index that would help. */
export const explain: Probe<ExplainReport> = {
  id: 'explain',
  title: 'Plans of suspect queries',
  runbookStep: 4,
  needs: ['postgres'],
  cost: 'at most 6 statements planned and not run, at most 1 s together; 3 reads of the catalog for their tables',
  requires: ['postgres:reachable', 'postgres:read-all-stats', 'postgres:explain'],
  improvedBy: ['postgres:pg-stat-statements', 'postgres:hypopg', 'postgres:query-id'],
  report: Report,

  async run({ targets, service, windowMs, signal }) {
    const { postgres } = targets;
    if (!postgres) throw new BotError('not-configured', 'no PostgreSQL is configured');
    const sampledMs = Math.max(windowMs / 2, windowMs - PLANNED_AHEAD_MS);
    const sampling = sampleStatements(postgres, sampledMs, signal).catch((error: unknown) => ({ error }));
    const [means] = await postgres.query<{ [K in keyof ExplainMeans]: ExplainMeans[K] }>({
      ...{ probe: 'explain', sql: MEANS, signal },
    });
    if (!means) throw new BotError('target-protocol', 'PostgreSQL gave no answer about itself');
    const looking: Looking = { postgres, means, notSeen: [], denied: [], spentMs: 0, leftOut: 0, signal };
    const configured = await configuredSuspects(service.targets.postgres?.suspects ?? {}, looking.notSeen);
    const running = distinct(await runningSuspects(postgres, signal), configured);
    const early = [...configured.slice(0, MAX_CONFIGURED), ...running.slice(0, MAX_RUNNING)];
    const planned = await planAll(early, looking);
    const sampled = await sampling;
    const sample = 'error' in sampled ? null : sampled;
    const top = sample ? distinct(await topSuspects(sample), [...configured, ...running]) : [];
    const late = top.slice(0, MAX_STATEMENTS - early.length);
    planned.push(...(await planAll(late, looking)));
    looking.leftOut += configured.length + running.length + top.length - early.length - late.length;
    if ('error' in sampled) addUnsampled(sampled.error, planned, looking);
    if (planned.length === 0 && looking.denied.length > 0) {
      throw new BotError('target-permission', `could not explain: ${looking.denied[0]}`);
    }
    return {
      statements: planned.map((one) => finished(one, sample)),
      leftOut: looking.leftOut,
      planKind: 'generic',
      hypopg: means.hypopg !== null,
      notSeen: looking.notSeen.slice(0, 10),
    };
  },
};

async function planAll(suspects: Suspect[], looking: Looking): Promise<Planned[]> {
  const { postgres, signal } = looking;
  const names = suspects.flatMap(({ shape }) => shape.tables);
  const catalog = await readCatalog(postgres, names, signal);
  const planned: Planned[] = [];
  for (const suspect of suspects) {
    if (looking.spentMs >= PLANNING_MS) {
      looking.leftOut += 1;
      continue;
    }
    const begin = performance.now();
    const one = await planOne(suspect, catalog, looking);
    looking.spentMs += performance.now() - begin;
    if (one) planned.push(one);
  }
  return planned;
}

async function planOne(suspect: Suspect, catalog: CatalogTable[], looking: Looking): Promise<Planned | null> {
  const { postgres, means, signal } = looking;
  const tables = suspect.shape.tables.flatMap((name) => resolveTable(catalog, name) ?? []);
  const searchPath = [...new Set([...tables.map((table) => table.quotedSchema), 'public'])];
  const statement = { text: suspect.text, shape: suspect.shape, searchPath };
  const outcome = await explainStatement(postgres, statement, means, signal);
  if (!('plan' in outcome)) {
    tellUnexplained(suspect, tables, outcome.sqlState, looking);
    return null;
  }
  const { plan } = outcome;
  const seen = planProblems({ plan, tables, shape: suspect.shape, measured: null });
  const [index = null] = seen
    .filter(({ rule }) => INDEXABLE.has(rule))
    .flatMap(({ schema, relation }) => tables.find((t) => t.name === relation && t.schema === schema) ?? [])
    .flatMap((table) => indexCandidate(suspect.shape, table) ?? []);
  if (index?.status !== 'new') return { suspect, plan, tables, index };
  const tried = await tryIndex(postgres, statement, means, index.create, signal);
  if (!tried || !('plan' in tried)) return { suspect, plan, tables, index };
  const [costBefore, costAfter] = [plan.cost, tried.plan.cost];
  const used = tried.plan.nodes.some((node) => node.index?.startsWith('<') === true);
  const whatIf = { costBefore, costAfter, used, worth: used && costAfter <= WORTH_RATIO * costBefore };
  const size = tried.bytes ? { estimatedBytes: tried.bytes, sizeFrom: 'hypopg' as const } : {};
  return { suspect, plan, tables, index: { ...index, ...size, whatIf } };
}

function finished({ suspect, plan, tables, index }: Planned, sample: StatementSample | null) {
  const { source, name, query, queryId, runningMs, shape } = suspect;
  const measured = measuredOf(suspect, sample);
  const problems = planProblems({ plan, tables, shape, measured }).slice(0, 12);
  return { source, name, query, queryId, runningMs, measured, plan, problems, index };
}

/** Without the top statements the suspects are something; without either nothing was looked at. */
function addUnsampled(error: unknown, planned: Planned[], { notSeen, signal }: Looking): void {
  if (planned.length === 0 || signal.aborted) throw error;
  const remedy = error instanceof BotError && error.code === 'not-configured' ? error.userMessage : null;
  notSeen.push({
    what: 'what takes the most time now (pg_stat_statements)',
    reason: userMessageOf(error),
    remedy,
  });
}

const REASONS: Record<string, string> = {
  '55P03': 'one of its tables is locked: somebody holds or waits for ACCESS EXCLUSIVE on it',
  '57014': 'planning it took longer than a small catalog query may take',
  '42P01': 'it names a table that this database does not have',
  '42703': 'it names a column that its tables do not have',
};

function tellUnexplained(
  suspect: Suspect,
  tables: CatalogTable[],
  sqlState: string,
  { notSeen, denied, means }: Looking,
): void {
  const what = suspect.source === 'suspect' ? `the suspect "${suspect.name}"` : suspect.query.text;
  if (sqlState !== '42501') {
    const reason = REASONS[sqlState] ?? `it cannot be planned without its values (SQLSTATE ${sqlState})`;
    notSeen.push({ what, reason, remedy: null });
    return;
  }
  const names = tables.map(({ quotedSchema, quotedName }) => `${quotedSchema}.${quotedName}`).join(', ');
  // The right to change rows, which planning a change would take, is none that a probe should have.
  const remedy = suspect.shape.writes
    ? `create the function latency_bot.explain_plan() of docs/permissions.md and grant execute on it to ${means.role}`
    : `grant select on ${names} to ${means.role}, or create the function latency_bot.explain_plan() of docs/permissions.md`;
  denied.push(remedy);
  notSeen.push({ what, reason: 'the role of the probes may not read its tables', remedy });
}
