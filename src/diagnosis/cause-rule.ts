import type { ProbeId } from '../probes/index.ts';
import type { Cause, Ledger } from './diagnosis.ts';
import type { Facts, Missing } from './facts.ts';
import type { Symptoms } from './symptoms.ts';

/** Facts of a run with what was concluded from them so far. */
export interface Case {
  facts: Facts;
  ledger: Ledger;
  symptoms: Symptoms;
}

/** What a rule says about its cause; the id is added by `diagnose`. */
export type Verdict = Omit<Cause, 'id' | 'consequenceOf'> & {
  /** Found for a reason of its own: never shown as the consequence of another cause. */
  independent?: boolean;
};

/** A cause as docs/causes.md and the post-mortem explain it; plain sentences for a tired person. */
export interface Explanation {
  /** What happens. */
  what: string;
  /** What proves it, and what rules it out. */
  signs: string;
  /** What to do now, first things first. */
  act: readonly string[];
  /** What makes it worse. */
  avoid: readonly string[];
  /** What keeps it from coming back. */
  prevent: readonly string[];
}

/** One cause: when it is proven, and when it is ruled out. */
export interface CauseRule {
  id: string;
  title: string;
  explanation: Explanation;
  /** Nothing works until it is mended: comes before every cause that is not, whatever share it explains. */
  hardStop?: boolean;
  /** Probes without which nothing can be said. */
  needs: readonly ProbeId[];
  /** Causes whose consequence this one is when both are found. */
  explainedBy: readonly string[];
  /** Called when every needed probe answered. */
  judge(the: Case): Verdict;
  /** A needed probe that could not look may be telling by itself; null when it is not. */
  judgeMissing?(the: Case, missing: Missing): Verdict | null;
}

const NOTHING = { share: null, confidence: null, evidence: [], against: [], mitigations: [], advice: [] };

/** The verdict that the cause is not there; without more the sentence itself is what speaks against it. */
export function ruledOut(summary: string, against: Verdict['against'] = []): Verdict {
  const facts = against.length > 0 ? against : [{ text: summary, data: {} }];
  return { ...NOTHING, status: 'ruled-out', summary, against: facts };
}

/** The verdict that nobody could say. */
export function couldNotLook(summary: string): Verdict {
  return { ...NOTHING, status: 'could-not-look', summary };
}

/** Share of the requests in flight, 0 to 1; null when there were none. */
export function shareOf(inFlight: number, ledger: Ledger): number | null {
  return ledger.totalInFlight > 0 ? Math.min(1, Math.max(0, inFlight / ledger.totalInFlight)) : null;
}

/** Confidence of a gate that holds: a second source makes it proven. */
export const confidence = (supported: boolean): number => (supported ? 0.9 : 0.6);

/** Whether the latency was measured and nobody complains: a busy resource is then no cause. */
export const nobodySuffers = ({ symptoms }: Case): boolean =>
  symptoms.measured && symptoms.complaints.length === 0;

/** Whether the API's own metrics complain: the second source for what another probe saw. */
export const apiComplains = ({ symptoms }: Case): boolean =>
  symptoms.measured && symptoms.complaints.length > 0;
