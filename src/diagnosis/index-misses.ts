import type { ExplainedStatement } from '../probes/explain.ts';
import type { IndexCandidate } from '../probes/index-candidate.ts';
import type { Case } from './cause-rule.ts';
import { blocksPerCall, factorOf, othersSlowdown, type StatementLoad, statementLoads } from './statements.ts';

/** Rows of a table in one block, roughly: scannedRows are some 100 blocks. */
const ROWS_PER_BLOCK = 100;
/** Planned without values, these are only hints; a sequential scan for a few rows is plain. */
const HINTS: ReadonlySet<string> = new Set(['wasted-index-scan', 'sort-for-limit', 'loop-bomb']);

/** A statement that reads much and keeps little, and the index that it lacks. */
export interface IndexMiss {
  load: StatementLoad;
  plan: ExplainedStatement;
  index: IndexCandidate;
  problem: ExplainedStatement['problems'][number];
  /** Counted, not only planned: it reads many blocks, or hypopg's cost falls, or it has become far slower. */
  supported: boolean;
}

/** Statements with a good part of the database's time whose plan lacks an index, the most time first. */
export function indexMisses(the: Case): IndexMiss[] {
  const { statementShare } = the.facts.service.thresholds;
  return statementLoads(the)
    .filter(({ part }) => part >= statementShare)
    .flatMap((load) => missOf(the, load) ?? []);
}

/** The index that a statement lacks; null when it has what it needs. */
export function missOf(the: Case, load: StatementLoad): IndexMiss | null {
  const { scannedRows, regressionFactor, indexGainRatio } = the.facts.service.thresholds;
  const { plan } = load;
  const index = plan?.index;
  if (!plan || !index || index.status === 'exists') return null;
  const whatIf = index.whatIf;
  const gains = whatIf?.used === true && whatIf.costAfter <= indexGainRatio * whatIf.costBefore;
  if (whatIf !== null && !gains) return null;
  const blocks = blocksPerCall(load);
  const reads = blocks !== null && blocks * ROWS_PER_BLOCK >= scannedRows;
  const slower = (factorOf(load) ?? 1) >= regressionFactor * othersSlowdown(the, load);
  const here = plan.problems.filter(({ relation }) => relation === index.table);
  const scan = here.find(
    ({ rule, expected }) => rule === 'selective-seq-scan' && (expected ?? 0) >= scannedRows,
  );
  const hint = here.find(({ rule }) => HINTS.has(rule));
  const problem = scan ?? (reads && (gains || slower) ? hint : undefined);
  return problem ? { load, plan, index, problem, supported: reads || gains || slower } : null;
}

export const isMissing = (misses: readonly IndexMiss[], key: string | null): boolean =>
  key !== null && misses.some(({ load }) => load.key === key);
