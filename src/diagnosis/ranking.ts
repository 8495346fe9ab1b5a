import type { CauseRule, Verdict } from './cause-rule.ts';
import type { Cause } from './diagnosis.ts';

export interface Judged {
  rule: Pick<CauseRule, 'id' | 'explainedBy' | 'hardStop'>;
  verdict: Verdict;
}

/** Only a cause that is at least likely may explain another one away. */
const LIKELY = 0.6;
const STATUS_ORDER = { found: 0, 'could-not-look': 1, 'ruled-out': 2 };

/**
 * Orders the verdicts: what was found first, roots before their consequences, hard stops before the rest, by the share
 * of request time they explain times how sure that is; then what nobody could look at, then what is ruled out.
 */
export function rankCauses(judged: readonly Judged[]): Cause[] {
  const explainers = explainersOf(judged.filter(({ verdict }) => verdict.status === 'found'));
  const hardStops = new Set(judged.flatMap(({ rule }) => (rule.hardStop ? [rule.id] : [])));
  return judged
    .map(({ rule, verdict }): Cause => {
      const { independent: _only, ...said } = verdict;
      const consequenceOf = explainers.get(rule.id);
      return consequenceOf === undefined
        ? { id: rule.id, ...said }
        : // Acting on a consequence leaves the cause in place.
          { id: rule.id, ...said, mitigations: [], consequenceOf };
    })
    .sort(
      (a, b) =>
        STATUS_ORDER[a.status] - STATUS_ORDER[b.status] ||
        Number(a.consequenceOf !== undefined) - Number(b.consequenceOf !== undefined) ||
        Number(hardStops.has(b.id)) - Number(hardStops.has(a.id)) ||
        weight(b) - weight(a) ||
        (b.confidence ?? 0) - (a.confidence ?? 0) ||
        a.id.localeCompare(b.id),
    );
}

/**
 * The cause that explains each consequence. Two that may explain each other do not both go: the weaker one is the
 * consequence, so that a root always stays.
 */
function explainersOf(found: readonly Judged[]): Map<string, string> {
  const explainers = new Map<string, string>();
  const leadsTo = (id: string, goal: string): boolean => {
    const next = explainers.get(id);
    return id === goal || (next !== undefined && leadsTo(next, goal));
  };
  const strongestFirst = [...found].sort(
    (a, b) => weight(b.verdict) - weight(a.verdict) || a.rule.id.localeCompare(b.rule.id),
  );
  const isExplainable = ({ rule, verdict }: Judged) =>
    !verdict.independent && found.some((other) => mayExplain(other, rule));
  for (const { rule, verdict } of strongestFirst.toReversed()) {
    if (verdict.independent) continue;
    const able = strongestFirst.filter(
      (other) => mayExplain(other, rule) && !leadsTo(other.rule.id, rule.id),
    );
    // People want the root: a cause that nothing explains comes before one that is itself a consequence.
    const explaining = able.find((other) => !isExplainable(other)) ?? able[0];
    if (explaining) explainers.set(rule.id, explaining.rule.id);
  }
  return explainers;
}

function mayExplain(other: Judged, rule: Judged['rule']): boolean {
  return rule.explainedBy.includes(other.rule.id) && (other.verdict.confidence ?? 0) >= LIKELY;
}

function weight({ share, confidence }: Pick<Cause, 'share' | 'confidence'>): number {
  return (share ?? 0) * (confidence ?? 0);
}
