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
import { type IndexMiss, indexMisses } from '../index-misses.ts';
import { withQueue } from '../ledger.ts';
import { offerIndex } from '../offers/offer-index.ts';
import { type Offer, offerSignal, proposalsOf, withheldOf } from '../proposals.ts';
import { indexAdvice } from '../statement-advice.ts';
import {
  blocksPerCall,
  factorOf,
  meanOf,
  type StatementLoad,
  shortText,
  statementLoads,
} from '../statements.ts';
import { bytes, count, decimal, duration, percent } from '../words.ts';

const MAX_LISTED = 3;
const BLOCK_BYTES = 8_192;

/** A statement with much of the database's time reads a whole table for a few rows, and no index serves it. */
export const missingIndex: CauseRule = {
  id: 'missing-index',
  title: 'Missing index',
  explanation: {
    what: 'A statement looks for a few rows and there is no index for them, so every execution reads the whole table. It was dropped, its build failed, it was never made, or the table has outgrown the day when it was not needed.',
    signs:
      'A statement has at least statementShare of the time of the database, its plan reads a table of scannedRows rows or more to keep a few, and no valid index begins with the columns it compares. Ruled out when the plans of the busiest statements use the indexes that there are, or when the API does not suffer.',
    act: [
      'Build the index, concurrently, and look whether it is valid afterwards.',
      'Until then a statement_timeout for the role keeps the executions short.',
    ],
    avoid: [
      'CREATE INDEX without CONCURRENTLY: it locks all writes out.',
      'More workers: each brings another scan.',
      'Terminating the sessions: the next request sends the same statement.',
    ],
    prevent: [
      'Index review of new migrations before each release.',
      'Alert on statements with a mean above 100 ms from pg_stat_statements.',
      'Load tests with realistic data volumes.',
    ],
  },
  needs: ['explain', 'active-queries'],
  explainedBy: [],

  judge(the) {
    const misses = indexMisses(the);
    const [worst] = misses;
    if (!worst) return notMissing(the);
    const evidence = misses.slice(0, MAX_LISTED).flatMap(evidenceOf);
    const words = `${worst.index.table} is read as a whole for a few rows`;
    if (nobodySuffers(the)) return ruledOut(`${words}, but the API does not suffer`, evidence);
    const inFlight = misses.reduce((sum, { load }) => sum + load.inFlight, 0);
    const share = shareOf(withQueue(inFlight, the.ledger), the.ledger);
    if (share !== null && share < the.facts.service.thresholds.causeShare) {
      return ruledOut(`${words}, but that is only ${percent(share)} of the request time`, evidence);
    }
    return found(the, misses, worst, share, evidence);
  },
};

function found(
  the: Case,
  misses: readonly IndexMiss[],
  worst: IndexMiss,
  share: number | null,
  evidence: Evidence[],
): Verdict {
  const indexes = misses
    .filter(({ index }, i) => misses.findIndex((other) => other.index.table === index.table) === i)
    .slice(0, 2)
    .map(({ index }) => widest(the, index));
  const offers = [...indexes.flatMap(offerIndex), ...reportOffers(the, misses)];
  const more =
    misses.length > 1 ? ` (${count(misses.length - 1, 'other statement', 'other statements')} alike)` : '';
  return {
    status: 'found',
    share,
    confidence: confidence(misses.some(({ supported }) => supported) && apiComplains(the)),
    summary: `An index is missing on ${worst.index.table} (${columnsOf(worst)}): ${takes(worst.load)} and reads the whole table each time${more}${share === null ? '' : `, ${percent(share)} of request time`}.`,
    evidence,
    against: misses.flatMap(doubtsOf).slice(0, MAX_LISTED),
    mitigations: proposalsOf(offers),
    advice: [
      ...indexes.flatMap(indexAdvice),
      ...withheldOf(offers),
      "Until it is there: alter role <role of the API> set statement_timeout = '5s'; for its new sessions.",
    ],
  };
}

/** Of the indexes that begin with these columns, the one that serves other statements, too. */
function widest({ facts }: Case, index: IndexMiss['index']): IndexMiss['index'] {
  const longer = (facts.reports.explain?.statements ?? []).flatMap(({ index: other }) =>
    other?.status === 'new' &&
    other.table === index.table &&
    other.schema === index.schema &&
    index.status === 'new' &&
    other.columns.length > index.columns.length &&
    index.columns.every(({ name, descending }, i) => {
      const column = other.columns[i];
      return column?.name === name && column.descending === descending;
    })
      ? [other]
      : [],
  );
  return (
    longer.sort((a, b) => b.columns.length - a.columns.length || a.name.localeCompare(b.name))[0] ?? index
  );
}

const columnsOf = ({ index }: IndexMiss): string =>
  index.columns.map(({ name, descending }) => (descending ? `${name} desc` : name)).join(', ');

function takes(load: StatementLoad): string {
  const mean = meanOf(load);
  const [oldest] = load.running;
  const time = mean
    ? `a statement takes ${duration(mean.meanMs)}`
    : `a statement has been running for ${duration(oldest?.queryAgeMs ?? 0)}`;
  return `${time}, has ${percent(load.part)} of the database's time`;
}

function evidenceOf({ load, plan, index, problem }: IndexMiss): Evidence[] {
  const mean = meanOf(load);
  const blocks = blocksPerCall(load);
  const factor = factorOf(load);
  const read = blocks === null ? '' : `, each reads ${bytes(blocks * BLOCK_BYTES)}`;
  const usual = factor === null ? '' : `, ${decimal(factor)} times its usual mean`;
  const ran = mean
    ? `it ended ${count(mean.calls, 'time', 'times')} in the window with a mean of ${duration(mean.meanMs)}${usual}${read}`
    : `${count(load.running.length, 'session runs', 'sessions run')} it, the oldest for ${duration(load.running[0]?.queryAgeMs ?? 0)}; none ended in the window`;
  const keeps = problem.actual === null ? 'few' : `about ${Math.round(problem.actual)}`;
  const whatIf = index.whatIf
    ? `; with the index its cost falls from ${Math.round(index.whatIf.costBefore)} to ${Math.round(index.whatIf.costAfter)} (hypopg)`
    : '';
  const state =
    index.status === 'new'
      ? 'no index serves it'
      : `${index.existing ?? 'its index'} is ${index.status === 'invalid' ? 'invalid: its build never finished' : 'being built'}`;
  return [
    {
      text: `${shortText(plan.query)}: ${ran}`,
      data: { probe: 'top-statements', fingerprint: load.key, part: load.part, ...mean, blocks, factor },
    },
    {
      text: `its plan reads ${index.table}${index.tableRows === null ? '' : ` (${Math.round(index.tableRows)} rows)`} to keep ${keeps} (${problem.rule}), and ${state}${whatIf}`,
      data: {
        probe: 'explain',
        problem,
        status: index.status,
        existing: index.existing,
        whatIf: index.whatIf,
      },
    },
  ];
}

function doubtsOf({ load, index }: IndexMiss): Evidence[] {
  const factor = factorOf(load);
  // As slow as ever is no reason for an incident of today.
  return factor !== null && factor < 2
    ? [
        {
          text: `the statement on ${index.table} is hardly slower than usual (${decimal(factor)} times)`,
          data: { factor },
        },
      ]
    : [];
}

/** A report that misses the index may be cancelled; a request of the API would only be sent again. */
function reportOffers({ facts }: Case, misses: readonly IndexMiss[]): Offer[] {
  return misses
    .flatMap(({ load }) => load.running)
    .filter(
      ({ role, queryAgeMs }) =>
        !facts.isApplication(role) && (queryAgeMs ?? 0) >= facts.service.thresholds.longQueryMs,
    )
    .slice(0, MAX_LISTED)
    .map((session) => offerSignal('cancel-query', session, facts));
}

function notMissing(the: Case): Verdict {
  const { statementShare, causeShare } = the.facts.service.thresholds;
  const report = the.facts.reports.explain;
  const busy = statementLoads(the).filter(({ part }) => part >= statementShare);
  const unseen = busy.find(
    (load) => !load.plan && (shareOf(withQueue(load.inFlight, the.ledger), the.ledger) ?? 1) >= causeShare,
  );
  // A statement without tables (COMMIT, SELECT 1) has no plan to look at, and the probe does not miss it.
  const [reason] = report?.notSeen ?? [];
  if (unseen && !nobodySuffers(the) && report && (reason || report.leftOut > 0)) {
    return couldNotLook(
      `the plan of a statement with ${percent(unseen.part)} of the time was not seen: ${reason?.reason ?? 'there were too many'}`,
    );
  }
  const seen = busy.filter(({ plan }) => plan !== null);
  if (!report || (report.statements.length === 0 && report.notSeen.length > 0)) {
    return couldNotLook(`no plan was seen: ${reason?.reason ?? 'there was nothing to explain'}`);
  }
  return ruledOut(
    seen.length === 0
      ? `no statement has ${percent(statementShare)} of the time of the database`
      : seen.length === 1
        ? 'the plan of the busiest statement lacks no index'
        : `the plans of the ${seen.length} busiest statements lack no index`,
    seen.slice(0, MAX_LISTED).map(({ plan, key, part }) => ({
      text: `${plan ? shortText(plan.query) : key} has ${percent(part)} of the time, and its plan lacks no index`,
      data: { fingerprint: key, part, problems: plan?.problems.map(({ rule }) => rule) ?? [] },
    })),
  );
}
