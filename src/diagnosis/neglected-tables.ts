import type { TableHealth } from '../probes/table-health.ts';
import type { Case } from './cause-rule.ts';
import { indexMisses, isMissing } from './index-misses.ts';
import { blocksPerCall, factorOf, othersSlowdown, type StatementLoad, statementLoads } from './statements.ts';

/** Rows of a table in one block, roughly: scannedRows are some 100 blocks. */
const ROWS_PER_BLOCK = 100;
/** From here on, most of what a scan of the whole table reads is dead. */
const MOSTLY_DEAD = 0.5;
const STALE = ['stale-statistics', 'never-analyzed'] as const;

/** A busy statement that is slow because of how its table was looked after. */
export interface NeglectedTable {
  load: StatementLoad;
  relation: string;
  schema: string | null;
  /** What table-health says of it; null when it is not among the listed ones. */
  table: TableHealth | null;
  rule: (typeof STALE)[number] | 'bloated';
  bloat: boolean;
  /** It has become slower than others have, as counted, or reads much. */
  supported: boolean;
}

/** Tables whose statistics mislead the planner, or whose dead rows are read through, by busy statements. */
export function neglectedTables(the: Case): NeglectedTable[] {
  const { statementShare } = the.facts.service.thresholds;
  const misses = indexMisses(the);
  return statementLoads(the)
    .filter(({ part, key }) => part >= statementShare && !isMissing(misses, key))
    .flatMap((load) => [...staleOf(the, load), ...bloatOf(the, load)]);
}

/** Reads a whole table to throw most of it away, and the statistics that say so are old. */
function staleOf(the: Case, load: StatementLoad): NeglectedTable[] {
  const { plan } = load;
  // On a healthy day it was as slow: then the statistics are old, but not the reason.
  const [usual] = load.finished.flatMap(({ meanFactor }) => meanFactor ?? []);
  if (!plan || (usual !== undefined && usual < the.facts.service.thresholds.regressionFactor)) return [];
  const scanned = new Set(
    plan.plan.nodes.flatMap(({ type, relation, filter }) =>
      type === 'Seq Scan' && relation !== null && filter !== null ? [relation] : [],
    ),
  );
  return plan.problems.flatMap(({ rule, relation, schema }) => {
    const stale = STALE.find((one) => one === rule);
    if (!stale || relation === null || !scanned.has(relation)) return [];
    const table = tableOf(the, relation, schema);
    const rest = { schema, table, bloat: false, supported: isSlower(the, load) || readsMuch(the, load) };
    return [{ load, relation, rule: stale, ...rest }];
  });
}

/** It has become slower than it was, or reads the whole of a table of which most is dead, however long it has done so. */
function bloatOf(the: Case, load: StatementLoad): NeglectedTable[] {
  const { staleRowsRatio } = the.facts.service.thresholds;
  if (!readsMuch(the, load)) return [];
  const nodes = load.plan?.plan.nodes ?? [];
  const used = new Set(nodes.flatMap(({ relation }) => relation ?? []));
  const scanned = new Set(nodes.flatMap(({ type, relation }) => (type === 'Seq Scan' && relation) || []));
  const slower = isSlower(the, load);
  return (the.facts.reports['table-health']?.tables ?? [])
    .filter(
      ({ table, findings, deadRatio }) =>
        used.has(table) &&
        findings.includes('bloated') &&
        deadRatio >= staleRowsRatio &&
        (slower || (scanned.has(table) && deadRatio >= MOSTLY_DEAD)),
    )
    .map((table) => {
      const rest = { schema: table.schema, table, bloat: true, supported: true };
      return { load, relation: table.table, rule: 'bloated' as const, ...rest };
    });
}

function tableOf({ facts }: Case, relation: string, schema: string | null): TableHealth | null {
  const tables = facts.reports['table-health']?.tables ?? [];
  return tables.find((one) => one.table === relation && (schema === null || one.schema === schema)) ?? null;
}

/** By itself: a machine that is slow makes every statement so. */
export function isSlower(the: Case, load: StatementLoad): boolean {
  return (factorOf(load) ?? 1) >= the.facts.service.thresholds.regressionFactor * othersSlowdown(the, load);
}

/** What touches a few blocks cannot have a bad plan. */
export function readsMuch({ facts }: Case, load: StatementLoad): boolean {
  return (blocksPerCall(load) ?? 0) * ROWS_PER_BLOCK >= facts.service.thresholds.scannedRows;
}
