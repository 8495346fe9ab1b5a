import type { TableHealth, TableHealthReport } from '../../probes/table-health.ts';
import {
  apiComplains,
  type Case,
  type CauseRule,
  confidence,
  couldNotLook,
  nobodySuffers,
  ruledOut,
  shareOf,
  type Verdict,
} from '../cause-rule.ts';
import type { Evidence } from '../diagnosis.ts';
import { withQueue } from '../ledger.ts';
import { type NeglectedTable, neglectedTables } from '../neglected-tables.ts';
import { offerAnalyze, offerVacuum } from '../offers/offer-care.ts';
import { type Offer, proposalsOf, withheldOf } from '../proposals.ts';
import { analyzeAdvice, autovacuumAdvice, sqlName } from '../statement-advice.ts';
import { factorOf, meanOf, shortText } from '../statements.ts';
import { count, decimal, duration, percent } from '../words.ts';

const MAX_LISTED = 3;

/** The planner works with old statistics, or reads through rows that vacuum could not remove. */
export const staleStatsBloat: CauseRule = {
  id: 'stale-stats-bloat',
  title: 'Stale statistics or bloat',
  explanation: {
    what: 'After many changes without ANALYZE the planner believes in rows that are not there any more, and prefers reading the whole table to an index that would serve. Or dead rows have piled up since vacuum is off or held back, and every scan reads through them.',
    signs:
      'A statement with at least statementShare of the time reads a whole table that was never analysed or has changed by more than staleRowsRatio since, although no index is missing; or it has become regressionFactor times slower on a table with more than staleRowsRatio dead rows. Ruled out when the tables of the busiest statements are vacuumed and analysed, or when the API does not suffer.',
    act: [
      'ANALYZE the table: it takes seconds and nobody waits for it.',
      'Against dead rows: first end what holds them (old transaction, slot, prepared transaction), then VACUUM.',
      'Turn autovacuum on again where it is off.',
    ],
    avoid: [
      'VACUUM FULL: it locks everybody out.',
      'Another index: the one that is there would do.',
      'VACUUM while the disk is saturated.',
    ],
    prevent: [
      'ANALYZE after bulk changes and migrations.',
      'Autovacuum stays on; for large tables autovacuum_vacuum_scale_factor and autovacuum_analyze_scale_factor of 0.02.',
      'Alerts on old transactions and on n_dead_tup.',
    ],
  },
  needs: ['explain', 'table-health'],
  explainedBy: ['lock-idle-in-tx', 'prepared-tx-orphan', 'replication-backup-load'],

  judge(the) {
    const health = the.facts.reports['table-health'];
    if (!health) return couldNotLook('vacuum and statistics were not looked at');
    const neglected = neglectedTables(the);
    const [worst] = neglected;
    if (!worst) return notNeglected(the, health);
    const evidence = neglected.slice(0, MAX_LISTED).flatMap(evidenceOf);
    const words = reasonOf(worst);
    if (nobodySuffers(the)) return ruledOut(`${words}, but the API does not suffer`, evidence);
    const loads = new Map(neglected.map(({ load }) => [load.key, load.inFlight]));
    const inFlight = [...loads.values()].reduce((sum, one) => sum + one, 0);
    const share = shareOf(withQueue(inFlight, the.ledger), the.ledger);
    if (share !== null && share < the.facts.service.thresholds.causeShare) {
      return ruledOut(`${words}, but that is only ${percent(share)} of the request time`, evidence);
    }
    return found(the, health, neglected, worst, share, evidence);
  },
};

function found(
  the: Case,
  health: TableHealthReport,
  neglected: readonly NeglectedTable[],
  worst: NeglectedTable,
  share: number | null,
  evidence: Evidence[],
): Verdict {
  const bloated = neglected.some(({ bloat }) => bloat);
  const holders = bloated ? oldHolders(health) : [];
  const offers = careOffers(the, neglected, holders);
  const mean = meanOf(worst.load);
  const slow = mean
    ? `a statement on it takes ${duration(mean.meanMs)}`
    : `a statement on it has been running for ${duration(worst.load.running[0]?.queryAgeMs ?? 0)}`;
  return {
    status: 'found',
    share,
    confidence: confidence(worst.supported && apiComplains(the)),
    summary: `${reasonOf(worst)}, and ${slow} for it${share === null ? '' : `, ${percent(share)} of request time`}.`,
    evidence: [...evidence, ...holderEvidence(holders)],
    against: [],
    mitigations: proposalsOf(offers),
    // Without an old transaction that keeps the dead rows, nobody else's trouble explains them.
    independent: holders.length === 0,
    advice: [...holders.slice(0, 1).map(holderAdvice), ...tableAdvice(neglected), ...withheldOf(offers)],
  };
}

/** One offer a table: a vacuum analyses it as well. */
function careOffers(
  { facts }: Case,
  neglected: readonly NeglectedTable[],
  holders: TableHealthReport['holders'],
): Offer[] {
  const [holder] = holders;
  const keptBy = holder ? `${HOLDERS[holder.kind]} ${holder.id}` : null;
  const bloated = new Set(neglected.filter(({ bloat }) => bloat).map(({ relation }) => relation));
  const tables = new Map(neglected.flatMap(({ relation, table }) => (table ? [[relation, table]] : [])));
  return [...tables].slice(0, MAX_LISTED).flatMap(([relation, table]) => {
    if (!bloated.has(relation)) return [offerAnalyze(table, facts)];
    const vacuum = offerVacuum(table, facts, keptBy);
    return 'proposal' in vacuum ? [vacuum] : [vacuum, offerAnalyze(table, facts)];
  });
}

/** "The planner works with old statistics of accounts_activity (125000 of 500000 rows changed since)" */
function reasonOf({ relation, table, bloat, rule }: NeglectedTable): string {
  if (bloat && table) {
    return `${relation} is bloated: ${Math.round(table.deadRows)} dead rows, ${percent(table.deadRatio)} of the table`;
  }
  if (rule === 'never-analyzed')
    return `The planner has no statistics of ${relation}, which was never analysed`;
  const rows = Math.max(table?.rows ?? 0, table?.liveRows ?? 0);
  const changed = table
    ? ` (${Math.round(table.modifiedSinceAnalyze)} changes to ${Math.round(rows)} rows since)`
    : '';
  return `The planner works with old statistics of ${relation}${changed}`;
}

function evidenceOf({ relation, table, load, rule, bloat }: NeglectedTable): Evidence[] {
  const factor = factorOf(load);
  const usual = factor === null ? '' : `, ${decimal(factor)} times its usual mean`;
  const mean = meanOf(load);
  const statement = `${shortText(load.query)}: ${percent(load.part)} of the time${mean ? `, mean ${duration(mean.meanMs)}${usual}` : ''}`;
  return [
    {
      text: statement,
      data: { probe: 'top-statements', fingerprint: load.key, part: load.part, ...mean, factor },
    },
    ...(bloat
      ? []
      : [
          {
            text: `its plan reads the whole of ${relation}, and no index is missing (${rule})`,
            data: { probe: 'explain', relation, rule },
          },
        ]),
    ...(table ? [tableEvidence(table)] : []),
  ];
}

function tableEvidence(table: TableHealth): Evidence {
  const since =
    table.sinceAnalyzeMs === null ? 'never analysed' : `analysed ${duration(table.sinceAnalyzeMs)} ago`;
  const off = table.findings.includes('autovacuum-off') ? ', autovacuum off' : '';
  return {
    text: `${table.table}: ${since}, ${Math.round(table.modifiedSinceAnalyze)} changes since, ${Math.round(table.deadRows)} dead rows (${percent(table.deadRatio)})${off}`,
    data: {
      probe: 'table-health',
      table: table.table,
      rows: table.rows,
      modifiedSinceAnalyze: table.modifiedSinceAnalyze,
      deadRatio: table.deadRatio,
      findings: table.findings,
    },
  };
}

/** Older than autovacuum's nap: a vacuum has met them already, and had to leave the rows. */
function oldHolders({ holders, autovacuum }: TableHealthReport): TableHealthReport['holders'] {
  return holders.filter(({ ageMs, kind }) =>
    ageMs === null ? kind === 'slot' : ageMs >= autovacuum.naptimeMs,
  );
}

const HOLDERS = {
  session: 'pid',
  slot: 'replication slot',
  prepared: 'prepared transaction',
  standby: 'standby',
};

function holderEvidence(holders: TableHealthReport['holders']): Evidence[] {
  return holders.slice(0, MAX_LISTED).map((holder) => ({
    text: `${HOLDERS[holder.kind]} ${holder.id} (${holder.state}) keeps dead rows from being removed${holder.ageMs === null ? '' : ` since ${duration(holder.ageMs)}`}`,
    data: { ...holder },
  }));
}

const holderAdvice = ({ kind, id }: TableHealthReport['holders'][number]): string =>
  `First end ${HOLDERS[kind]} ${id}: until then VACUUM removes nothing that it might still see.`;

function tableAdvice(neglected: readonly NeglectedTable[]): string[] {
  const tables = new Map(neglected.map((one) => [one.relation, one]));
  return [...tables.values()].slice(0, MAX_LISTED).flatMap(({ relation, schema, table, bloat }) => {
    const name = schema === null ? sqlName(relation) : `${sqlName(schema)}.${sqlName(relation)}`;
    const off = table?.findings.includes('autovacuum-off') ?? false;
    const vacuum = `vacuum (analyze, skip_locked) ${name}; -- outside of a transaction; not while the disk is saturated, and never vacuum full`;
    return [...(bloat ? [vacuum] : []), ...analyzeAdvice(name, off), autovacuumAdvice(name)];
  });
}

function notNeglected({ facts }: Case, health: TableHealthReport): Verdict {
  const { explain } = facts.reports;
  if (explain && explain.statements.length === 0 && explain.notSeen.length > 0) {
    return couldNotLook(`no plan was seen: ${explain.notSeen[0]?.reason ?? 'there was nothing to explain'}`);
  }
  const due = health.tables.filter(({ findings }) =>
    findings.some(
      (finding) => finding === 'analyze-due' || finding === 'never-analyzed' || finding === 'bloated',
    ),
  );
  return ruledOut(
    due.length === 0
      ? `the statistics of ${count(health.tables.length, 'table are', 'tables are')} fresh, and none is bloated`
      : `${due
          .map(({ table }) => table)
          .slice(0, MAX_LISTED)
          .join(', ')} should be vacuumed or analysed, but no busy statement is slow for it`,
    due.slice(0, MAX_LISTED).map(tableEvidence),
  );
}
