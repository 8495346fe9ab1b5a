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
import type { Facts } from '../facts.ts';
import { burnersOf, cpuStateOf, hostOf } from '../hosts.ts';
import { indexMisses, isMissing } from '../index-misses.ts';
import { withQueue } from '../ledger.ts';
import { isSlower, readsMuch } from '../neglected-tables.ts';
import { sqlName } from '../statement-advice.ts';
import {
  blocksPerCall,
  factorOf,
  meanOf,
  type StatementLoad,
  shortText,
  statementLoads,
} from '../statements.ts';
import { decimal, duration, percent } from '../words.ts';

const MAX_LISTED = 3;
const SETTLED = 'Statements are as quick as usual';

/** A statement that was quick has another plan now. */
export const planRegression: CauseRule = {
  id: 'plan-regression',
  title: 'Plan regression',
  explanation: {
    what: 'A statement that has not changed is many times slower than it used to be, because the planner has chosen another plan: after new statistics, with an index that is invalid, or with a changed planner setting.',
    signs:
      'The mean of a statement is regressionFactor times its usual one and others are not slower in the same way, it reads many blocks, and there is a reason for a changed plan: its table was analysed within recentChangeMs, an index of it is invalid, an index that would serve is not used, or a planner setting is off. Ruled out when no statement stands out, or when an index is missing.',
    act: [
      'Look at the plan, and compare it with the one in staging.',
      'Mend the index or the setting; otherwise ANALYZE the table, once.',
      'A statement_timeout for the role keeps the executions short.',
    ],
    avoid: [
      'enable_seqscan = off for the whole server.',
      'More workers: each brings another slow execution.',
    ],
    prevent: [
      'A baseline of the busiest statements (the bot keeps one).',
      'CREATE STATISTICS for columns that depend on each other.',
      'auto_explain with log_min_duration, so that plans can be compared.',
    ],
  },
  needs: ['top-statements', 'explain'],
  // Beside a statement that takes the CPU every other one is slower, too.
  explainedBy: ['missing-index', 'stale-stats-bloat', 'long-running-query'],

  judge(the) {
    const { statementShare, causeShare } = the.facts.service.thresholds;
    const misses = indexMisses(the);
    const busy = statementLoads(the).filter(({ part }) => part >= statementShare);
    const slower = busy.filter((load) => isSlower(the, load) && readsMuch(the, load));
    const [worst] = slower.filter(({ key }) => !isMissing(misses, key));
    if (!worst) return notSlower(busy, slower);
    const evidence = [statementEvidence(worst)];
    const words = `A statement is ${decimal(factorOf(worst) ?? 0)} times slower than usual`;
    if (nobodySuffers(the)) return ruledOut(`${words}, but the API does not suffer`, evidence);
    const share = shareOf(withQueue(worst.inFlight, the.ledger), the.ledger);
    if (share !== null && share < causeShare) {
      return ruledOut(`${words}, but that is only ${percent(share)} of the request time`, evidence);
    }
    const reasons = reasonsOf(the, worst);
    if (reasons.length === 0) {
      return couldNotLook(
        `${words}, but whether its plan has changed cannot be told: ${worst.plan ? 'nothing around it has' : 'its plan was not seen'}`,
      );
    }
    return found(
      the,
      worst,
      words,
      share,
      [...evidence, ...reasons.map(({ evidence: one }) => one)],
      reasons,
    );
  },
};

interface Reason {
  words: string;
  evidence: Evidence;
  advice: string;
}

function found(
  the: Case,
  load: StatementLoad,
  words: string,
  share: number | null,
  evidence: Evidence[],
  reasons: readonly Reason[],
): Verdict {
  const compared = load.finished.some(({ meanFactor }) => meanFactor !== null);
  const mean = meanOf(load);
  return {
    status: 'found',
    share,
    confidence: confidence(compared && apiComplains(the)),
    summary: `${words} (${duration(mean?.meanMs ?? 0)}), and ${reasons[0]?.words}${share === null ? '' : `, ${percent(share)} of request time`}.`,
    evidence,
    against: [
      {
        text: 'the earlier plan is not kept, so the two cannot be laid side by side; other values of the parameters may be as slow',
        data: { shape: load.plan?.plan.shape ?? null },
      },
    ],
    mitigations: [],
    advice: reasons.map(({ advice }) => advice),
  };
}

/** Why the plan may be another one than yesterday. */
function reasonsOf({ facts }: Case, load: StatementLoad): Reason[] {
  const { plan } = load;
  if (!plan) return [];
  const { recentChangeMs } = facts.service.thresholds;
  const health = facts.reports['table-health'];
  const tables = new Set(plan.plan.nodes.flatMap(({ relation }) => relation ?? []));
  const settings = plan.problems.flatMap(({ rule, name }) =>
    rule === 'planner-setting' && name !== null ? [name] : [],
  );
  const invalid = (health?.invalidIndexes ?? []).filter(
    ({ table, beingBuilt }) => tables.has(table) && !beingBuilt,
  );
  const ignored = plan.problems.filter(
    ({ rule, relation }) =>
      rule === 'selective-seq-scan' && plan.index?.status === 'exists' && relation === plan.index.table,
  );
  const isHogged = lacksCpu(facts);
  const analysed = (health?.tables ?? []).filter(
    ({ table, sinceAnalyzeMs }) =>
      tables.has(table) &&
      sinceAnalyzeMs !== null &&
      sinceAnalyzeMs <= recentChangeMs &&
      // Tables are analysed every day: that alone proves nothing of what waits for a slow disk, or for the CPU that
      // somebody else takes.
      !isDiskBound(load) &&
      !isHogged,
  );
  return [
    ...settings.map((name) =>
      reason(
        `the planner runs with ${name} = off`,
        { name },
        `Find who set it and reset it: select * from pg_db_role_setting; alter role <role> reset ${name};`,
      ),
    ),
    ...invalid.map(({ schema, index }) =>
      reason(
        `index ${index} is invalid`,
        { schema, index },
        `Outside of a transaction: reindex index concurrently ${sqlName(schema)}.${sqlName(index)};`,
      ),
    ),
    ...ignored.map(({ relation }) =>
      reason(
        `its plan does not use ${plan.index?.existing}, which would serve`,
        { relation },
        `See why: explain (generic_plan, settings) of the statement; then analyze ${sqlName(relation ?? '')};`,
      ),
    ),
    ...analysed.map(({ table, sinceAnalyzeMs }) =>
      reason(
        `${table} was analysed ${duration(sinceAnalyzeMs ?? 0)} ago`,
        { table, sinceAnalyzeMs },
        `When the new statistics misled the planner: alter table ${sqlName(table)} alter column <column> set statistics 1000; analyze ${sqlName(table)};`,
      ),
    ),
  ].slice(0, MAX_LISTED);
}

/** PostgreSQL stands in line for its CPU behind something that is neither it nor the API: every statement is slower. */
function lacksCpu(facts: Facts): boolean {
  const host = hostOf(facts, 'database');
  if (!host || !cpuStateOf(facts, host)?.saturated) return false;
  const { api, postgres, foreign } = burnersOf(facts, host);
  return (foreign[0]?.cores ?? 0) > api + postgres;
}

/** Most of its time it waits for blocks; without track_io_timing nobody knows, and it counts as not. */
function isDiskBound({ finished }: StatementLoad): boolean {
  const ioMs = finished.reduce((sum, one) => sum + (one.ioMs ?? 0), 0);
  return ioMs > 0.5 * finished.reduce((sum, one) => sum + one.calls * one.meanMs, 0);
}

const reason = (words: string, data: Evidence['data'], advice: string): Reason => ({
  ...{ words, advice },
  evidence: { text: words, data },
});

function statementEvidence(load: StatementLoad): Evidence {
  const mean = meanOf(load);
  const blocks = blocksPerCall(load);
  const factor = factorOf(load);
  return {
    text: `${shortText(load.query)}: mean ${duration(mean?.meanMs ?? 0)}, ${decimal(factor ?? 0)} times its usual one, ${Math.round(blocks ?? 0)} blocks each, ${percent(load.part)} of the time`,
    data: { probe: 'top-statements', fingerprint: load.key, part: load.part, ...mean, factor, blocks },
  };
}

function notSlower(busy: readonly StatementLoad[], slower: readonly StatementLoad[]): Verdict {
  const [missing] = slower;
  if (missing)
    return ruledOut('the statement that has become slow lacks an index', [statementEvidence(missing)]);
  const ended = busy.filter(({ finished }) => finished.length > 0);
  // Neither a baseline nor an earlier mean: nobody knows what is usual.
  if (ended.length > 0 && ended.every((load) => factorOf(load) === null)) {
    return couldNotLook(
      'the busiest statements are new to pg_stat_statements, and there is no baseline to compare them with',
    );
  }
  return ruledOut(
    busy.length === 0 ? SETTLED.toLowerCase() : 'no busy statement has become slower by itself',
    ended.slice(0, MAX_LISTED).map(statementEvidence),
  );
}
