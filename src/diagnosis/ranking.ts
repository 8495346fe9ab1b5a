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
  const found = judged.filter(({ verdict }) => verdict.status === 'found');
  const hardStops = new Set(judged.flatMap(({ rule }) => (rule.hardStop ? [rule.id] : [])));
  return judged
    .map(({ rule, verdict }): Cause => {
      const { independent, ...said } = verdict;
      const explaining = independent
        ? undefined
        : strongest(found.filter((other) => mayExplain(other, rule)));
      return said.status === 'found' && explaining
        ? // Acting on a consequence leaves the cause in place.
          { id: rule.id, ...said, mitigations: [], consequenceOf: explaining.rule.id }
        : { id: rule.id, ...said };
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

function mayExplain(other: Judged, rule: Judged['rule']): boolean {
  return rule.explainedBy.includes(other.rule.id) && (other.verdict.confidence ?? 0) >= LIKELY;
}

function strongest(judged: readonly Judged[]): Judged | undefined {
  return [...judged].sort(
    (a, b) => weight(b.verdict) - weight(a.verdict) || a.rule.id.localeCompare(b.rule.id),
  )[0];
}

function weight({ share, confidence }: Pick<Cause, 'share' | 'confidence'>): number {
  return (share ?? 0) * (confidence ?? 0);
}
