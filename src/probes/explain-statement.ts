import type { PostgresTarget, SessionQuery } from '../targets/postgres.ts';
import type { StatementShape } from '../targets/statement-shape.ts';
import { type Plan, readPlan } from './plan.ts';

/** What the server offers beyond EXPLAIN itself. */
export interface ExplainMeans {
  /** Role that looks. */
  role: string;
  /** Quoted schema of hypopg; null when it is not created in this database. */
  hypopg: string | null;
  /** Whether latency_bot.explain_plan(text) may be called: it explains without SELECT on the tables. */
  explainFunction: boolean;
}

export interface Explainable {
  text: string;
  shape: StatementShape;
  /** Quoted schemas that bare names are looked for in, after pg_catalog. */
  searchPath: string[];
}

export type Explained = { plan: Plan } | { sqlState: string; error: unknown };

export const MEANS = `
  select
    session_user::text as role,
    (select quote_ident(n.nspname) from pg_extension e join pg_namespace n on n.oid = e.extnamespace
      where e.extname = 'hypopg') as hypopg,
    exists (
      select 1 from pg_proc p join pg_namespace n on n.oid = p.pronamespace
      where n.nspname = 'latency_bot' and p.proname = 'explain_plan'
      and has_schema_privilege(n.oid, 'usage') and has_function_privilege(p.oid, 'execute')
    ) as "explainFunction"`;

// The names of the application resolve as it would resolve them; without a forced generic plan the NULLs that stand for
// the values would fold the plan to nothing.
const PREPARE_SESSION = `
  select
    set_config('search_path', $1, true),
    set_config('plan_cache_mode', 'force_generic_plan', true)`;

// Texts that pg_stat_statements normalises into something that PostgreSQL does not parse.
const REWRITES: [RegExp, string][] = [
  [/\b(interval|date|timestamptz|timestamp|time)\s+(\$\d+)/gi, '$2::$1'],
  [/\bextract\s*\(\s*\$\d+\s+from\b/gi, 'extract(epoch from'],
  [/\bnow\(\)\s*([-+])\s*(\$\d+)(?!\s*::|\d)/gi, 'now() $1 $2::interval'],
];

/** A normalised text as PostgreSQL can prepare it. */
export function preparable(text: string): string {
  return REWRITES.reduce((rewritten, [from, to]) => rewritten.replace(from, to), text);
}

/**
 * Plans a statement without running it and without a value: EXPLAIN of a prepared statement with a generic plan, in a
 * read-only transaction that is rolled back. Never ANALYZE: it would run the statement, and would need values that the bot
 * does not have. PREPARE over the extended protocol takes one statement and no second one behind a semicolon.
 */
export async function explainStatement(
  postgres: PostgresTarget,
  statement: Explainable,
  means: ExplainMeans,
  signal: AbortSignal,
): Promise<Explained> {
  const direct = await inSession(postgres, statement, signal, (query) => preparedPlan(query, statement));
  const denied = 'sqlState' in direct && direct.sqlState === '42501';
  if (!denied || !means.explainFunction) return direct;
  return inSession(postgres, statement, signal, (query) => functionPlan(query, statement));
}

/** The same plan with a hypothetical index, and the size that hypopg expects it to have. */
export async function tryIndex(
  postgres: PostgresTarget,
  statement: Explainable,
  means: ExplainMeans,
  create: string,
  signal: AbortSignal,
): Promise<(Explained & { bytes?: number }) | null> {
  const { hypopg } = means;
  if (hypopg === null) return null;
  let bytes = 0;
  const plan = (query: SessionQuery) =>
    means.explainFunction && statement.shape.writes
      ? functionPlan(query, statement)
      : preparedPlan(query, statement);
  const outcome = await inSession(postgres, statement, signal, async (query) => {
    // A hypothetical index outlives its transaction, and one that fails leaves no chance to clean up behind it.
    await query(`select ${hypopg}.hypopg_reset()`);
    const [made] = await query<{ bytes: number }>(
      `select ${hypopg}.hypopg_relation_size(h.indexrelid)::float8 as bytes from ${hypopg}.hypopg_create_index($1) h`,
      [create.replace(' concurrently', '')],
    );
    bytes = made?.bytes ?? 0;
    const result = await plan(query);
    await query(`select ${hypopg}.hypopg_reset()`);
    return result;
  });
  return 'plan' in outcome ? { ...outcome, bytes } : outcome;
}

/** A statement that cannot be planned is an answer about that statement, and no failure of the target. */
function inSession(
  postgres: PostgresTarget,
  { searchPath }: Explainable,
  signal: AbortSignal,
  work: (query: SessionQuery) => Promise<Plan>,
): Promise<Explained> {
  return postgres.session({ probe: 'explain', signal }, async (query) => {
    try {
      await query(PREPARE_SESSION, [['pg_catalog', ...searchPath].join(', ')]);
      return { plan: await work(query) };
    } catch (error) {
      const sqlState = sqlStateOf(error);
      if (sqlState === null || sqlState.startsWith('57P')) throw error;
      return { sqlState, error };
    }
  });
}

async function preparedPlan(query: SessionQuery, { text, shape }: Explainable): Promise<Plan> {
  // A prepared statement outlives its transaction too.
  await query('deallocate all');
  await query(`prepare latency_bot_explain as ${text}`);
  const values = shape.parameters > 0 ? `(${Array(shape.parameters).fill('null').join(', ')})` : '';
  const [row] = await query<{ 'QUERY PLAN': unknown }>(
    `explain (verbose, settings, format json) execute latency_bot_explain${values}`,
  );
  await query('deallocate all');
  return readPlan(row?.['QUERY PLAN']);
}

async function functionPlan(query: SessionQuery, { text }: Explainable): Promise<Plan> {
  const [row] = await query<{ plan: unknown }>('select latency_bot.explain_plan($1) as plan', [text]);
  return readPlan(row?.plan);
}

function sqlStateOf(error: unknown): string | null {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : null;
}
