import type { NamedService } from '../config/schema.ts';
import type { ProbeId } from '../probes/index.ts';
import type { ProbeOutcome } from '../probes/probe.ts';
import { RUNBOOK_STEPS } from '../runbook/runbook.ts';
import { type Case, type CauseRule, couldNotLook, type Verdict } from './cause-rule.ts';
import { CAUSES } from './causes/index.ts';
import type { Cause, Diagnosis, Scope } from './diagnosis.ts';
import { type Facts, type ReportedIssue, readFacts } from './facts.ts';
import { buildLedger } from './ledger.ts';
import { rankCauses } from './ranking.ts';
import { severityOf } from './severity.ts';
import { type Symptoms, symptomsOf } from './symptoms.ts';
import { count, duration, percent } from './words.ts';

export interface DiagnoseInput {
  service: NamedService;
  outcomes: readonly ProbeOutcome[];
  /** What alerts say; a look without an incident has none. */
  issues?: readonly ReportedIssue[];
}

/** Judges the outcomes of one run. Pure: the same outcomes, in any order, give the same diagnosis. */
export function diagnose({ service, outcomes, issues = [] }: DiagnoseInput): Diagnosis {
  const facts = readFacts(service, outcomes, issues);
  const the: Case = { facts, ledger: buildLedger(facts), symptoms: symptomsOf(facts) };
  const judged = rankCauses(CAUSES.map((rule) => ({ rule, verdict: judge(rule, the) })));
  const found = judged.filter((cause) => cause.status === 'found');
  const verdict = verdictOf(facts, the.symptoms, found.length);
  return {
    verdict,
    ...severityOf(facts, the.symptoms, found),
    scope: scopeOf(facts, the.symptoms),
    ledger: the.ledger,
    causes: verdict === 'cause-found' ? judged : [conclusion(verdict, the, judged), ...judged],
  };
}

/** A probe that could not look never counts as "nothing there". */
function judge(rule: CauseRule, the: Case): Verdict {
  const missing = rule.needs.filter((id) => the.facts.reports[id] === undefined);
  const [first] = missing;
  if (first === undefined) return withinAll(rule.judge(the));
  const reasons = [...new Set(missing.map((id) => the.facts.missing(id).reason))];
  for (const id of missing) {
    const telling = rule.judgeMissing?.(the, the.facts.missing(id));
    if (telling) return withinAll(telling);
  }
  return couldNotLook(`could not look: ${reasons.join('; ')}`);
}

/** Two sources that disagree may make a part greater than the whole. */
function withinAll(verdict: Verdict): Verdict {
  return verdict.share === null ? verdict : { ...verdict, share: Math.min(1, Math.max(0, verdict.share)) };
}

function verdictOf(facts: Facts, symptoms: Symptoms, found: number): Diagnosis['verdict'] {
  if (found > 0) return 'cause-found';
  const silent = PROBE_IDS.some((id) => !facts.reports[id] && SILENT.has(facts.missing(id).code));
  return symptoms.measured && symptoms.complaints.length === 0 && !silent ? 'healthy' : 'no-cause-proven';
}

/** A target that does not answer may be ill; a missing right or extension only narrows the view. */
const SILENT: ReadonlySet<string> = new Set([
  'target-unreachable',
  'target-timeout',
  'target-full',
  'internal',
]);

const PROBE_IDS = RUNBOOK_STEPS.flatMap((step) => step.probes);

/** The entry that ends the list when no cause was found: it offers nothing to do. */
function conclusion(verdict: 'healthy' | 'no-cause-proven', the: Case, judged: readonly Cause[]): Cause {
  const { facts, symptoms } = the;
  const unseen = unseenByReason(facts);
  const checked = judged.filter((cause) => cause.status === 'ruled-out');
  const notSeen = unseen.length > 0 ? ` Not seen: ${unseen.join('; ')}.` : '';
  const complaint = symptoms.measured
    ? (symptoms.complaints[0] ?? 'the API is within its objective')
    : 'the latency of the API could not be measured';
  return {
    id: verdict,
    status: 'found',
    share: null,
    confidence: verdict === 'healthy' ? 0.9 : null,
    summary:
      verdict === 'healthy'
        ? `Nothing wrong here: ${wellness(facts)}.${notSeen}`
        : `No cause proven: ${complaint}, and ${count(checked.length, 'cause is', 'causes are')} ruled out.${notSeen}`,
    evidence: checked.map((cause) => ({ text: cause.summary, data: { cause: cause.id } })),
    against: [],
    mitigations: [],
    advice: [],
  };
}

/** "lock-tree, connection-pool (no answer)": probes without a report, those with the same reason together. */
function unseenByReason(facts: Facts): string[] {
  const byReason = new Map<string, ProbeId[]>();
  for (const id of PROBE_IDS.filter((probe) => !facts.reports[probe])) {
    const { reason } = facts.missing(id);
    byReason.set(reason, [...(byReason.get(reason) ?? []), id]);
  }
  const failed = ([, ids]: [string, ProbeId[]]) => ids.some((id) => facts.missing(id).status === 'failed');
  return [...byReason]
    .sort((a, b) => Number(failed(b)) - Number(failed(a)))
    .map(([reason, ids]) => `${ids.join(', ')} (${reason})`);
}

function wellness(facts: Facts): string {
  const report = facts.reports['api-latency'];
  const overall = report?.overall;
  if (!report || !overall) return 'nobody complains';
  const errors = overall.errorRate === null ? '' : `, ${percent(overall.errorRate)} errors`;
  const requests = count(overall.completed, 'request', 'requests');
  return overall.p95Ms === null
    ? `${requests} in ${duration(report.windowMs)}, too few for a p95, and none of them hangs${errors}`
    : `p95 is ${duration(overall.p95Ms)} with an objective of ${duration(report.objectiveMs)} over ${requests}${errors}`;
}

function scopeOf(facts: Facts, { queueMs }: Symptoms): Scope {
  const report = facts.reports['api-latency'];
  if (!report)
    return { p50Ms: null, p95Ms: null, p99Ms: null, errorRate: null, rps: null, queueMs, byView: {} };
  return { ...latencyOf(report.overall), queueMs, byView: mapValues(report.byView, latencyOf) };
}

function latencyOf({ p50Ms, p95Ms, p99Ms, rps, errorRate }: Scope['byView'][string]) {
  return { p50Ms, p95Ms, p99Ms, rps, errorRate };
}

function mapValues<T, U>(record: Record<string, T>, change: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
