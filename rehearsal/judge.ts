import type { Truth } from '../sandbox/debtflow/faults/fault.ts';
import type { Cause, Diagnosis } from '../src/diagnosis/diagnosis.ts';

/** What is on offer after a diagnosis. */
export interface Offer {
  id: number;
  kind: string;
  title: string;
  causeId: string;
}

/** What one run came to. */
export interface Seen {
  diagnosis: Diagnosis;
  offers: Offer[];
  /** Reports of the probes that answered, by probe. */
  reports: Record<string, unknown>;
  /** Why the others could not look, by probe. */
  failures: Record<string, string>;
  /** Probes that each cause cannot be judged without. */
  restsOn: Record<string, readonly string[]>;
  /** All words of the card that people read. */
  posted: string;
}

/** How a diagnosis compares with the truth. */
export interface Judgement {
  /** For each root cause, its place among what was found, from 1; null when it was not found. */
  ranks: (number | null)[];
  /** What was named in the first place. */
  first: string | null;
  namedFirst: boolean;
  /** Of the requests in flight, what the first root cause was said to explain, 0 to 1. */
  share: number | null;
  wrongOffers: string[];
  /** Why the case fails; empty when it passes. */
  problems: string[];
}

/** The card has buttons for so many. */
export const SHOWN_OFFERS = 3;
const NO_CAUSE = ['healthy', 'no-cause-proven'];

/** Compares what was diagnosed, offered and posted with what was really wrong; no truths: nothing was. */
export function judge(truths: readonly Truth[], seen: Seen): Judgement {
  const real = truths.filter((truth) => truth.cause !== 'healthy');
  const found = seen.diagnosis.causes.filter((one) => one.status === 'found' && !NO_CAUSE.includes(one.id));
  const first = found[0]?.id ?? null;
  const wrongOffers = real.length === 0 ? seen.offers : seen.offers.filter((one) => isHarmful(one, truths));
  const roots = real.map((truth) => rootOf(truth, found));
  const namedFirst =
    real.length === 0
      ? first === null
      : real.some((truth) => first !== null && accepted(truth).includes(first));
  return {
    ranks: roots.map((root) => (root ? found.indexOf(root) + 1 : null)),
    first,
    namedFirst,
    share: roots[0]?.share ?? null,
    wrongOffers: wrongOffers.map(({ title }) => title),
    problems: [
      ...(real.length === 0 ? healthProblems(seen, first) : causeProblems(real, found, seen)),
      ...wrongOffers.map(({ kind, title }) => `offered ${kind}: ${title}`),
      ...postedProblems(seen),
    ],
  };
}

function accepted(truth: Truth): string[] {
  return [truth.cause, ...truth.alsoAcceptable];
}

/** The truth itself, or else the best ranked of what is no mistake either. */
function rootOf(truth: Truth, found: readonly Cause[]): Cause | undefined {
  return found.find(({ id }) => id === truth.cause) ?? found.find(({ id }) => accepted(truth).includes(id));
}

/** What helps against one of several troubles is no mistake, even where it would not help against another. */
function isHarmful(offer: Offer, truths: readonly Truth[]): boolean {
  const helps = truths.some(({ mitigation }) => mitigation === offer.kind);
  return !helps && truths.some(({ harmful }) => harmful.includes(offer.kind));
}

function healthProblems({ diagnosis }: Seen, first: string | null): string[] {
  return [
    ...(diagnosis.verdict === 'cause-found' ? [`named ${first} where nothing is wrong`] : []),
    ...(diagnosis.severity === 'P1' ? ['raised P1 where nothing is wrong'] : []),
  ];
}

function causeProblems(real: readonly Truth[], found: readonly Cause[], seen: Seen): string[] {
  const first = found[0]?.id;
  const problems: string[] = [];
  if (seen.diagnosis.verdict !== 'cause-found') problems.push(`the verdict is ${seen.diagnosis.verdict}`);
  else if (first !== undefined && !real.some((truth) => accepted(truth).includes(first))) {
    const forbidden = real.some(({ notFirst }) => notFirst.includes(first)) ? ', which is a consequence' : '';
    problems.push(`named ${first} first${forbidden}`);
  }
  for (const truth of real) {
    const root = rootOf(truth, found);
    if (!root) problems.push(`did not find ${truth.cause}${reasonOf(truth, seen)}`);
    else problems.push(...evidenceProblems(truth, root, seen), ...offerProblems(truth, seen));
  }
  return problems;
}

function reasonOf(truth: Truth, { diagnosis }: Seen): string {
  const judged = diagnosis.causes.find(({ id }) => id === truth.cause);
  return judged ? ` (${judged.status}: ${judged.summary})` : ' (no rule judges it)';
}

function evidenceProblems(truth: Truth, root: Cause, seen: Seen): string[] {
  // Required of the truth; what is only no mistake either may have been proven in another way.
  if (root.id !== truth.cause) return [];
  return truth.evidence
    .filter((probe) => !isCited(probe, root, seen))
    .map((probe) => `${root.id} does not cite ${probe}`);
}

/**
 * The evidence holds something that this probe reported, or the cause cannot even be judged without it. That a probe
 * got no answer is evidence, too, where it is told.
 */
function isCited(probe: string, root: Cause, { reports, failures, restsOn }: Seen): boolean {
  const failure = failures[probe];
  if (failure !== undefined) return root.evidence.some(({ text }) => text.includes(failure));
  if (!Object.hasOwn(reports, probe) || root.evidence.length === 0) return false;
  if (restsOn[root.id]?.includes(probe)) return true;
  const reported = new Set(leavesOf(reports[probe]));
  return root.evidence.some(({ data }) => leavesOf(data).some((leaf) => reported.has(leaf)));
}

/** Values that say something on their own: small numbers and flags are everywhere. */
function leavesOf(value: unknown): (string | number)[] {
  if (typeof value === 'string') return value.length > 3 ? [value] : [];
  if (typeof value === 'number') return Math.abs(value) > 20 ? [value] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(leavesOf);
}

function offerProblems(truth: Truth, { offers }: Seen): string[] {
  const { mitigation } = truth;
  if (truth.recovers !== 'by-mitigation' || mitigation === null) return [];
  return offers.some(({ kind }) => kind === mitigation) ? [] : [`did not offer ${mitigation}`];
}

/** People act on the card, not on the store: it has to say the same. */
function postedProblems({ diagnosis, offers, posted }: Seen): string[] {
  const top = diagnosis.causes.find(({ status }) => status === 'found');
  const missing = top && !posted.includes(top.summary.slice(0, 300)) ? ['its first cause'] : [];
  const named = diagnosis.verdict === 'cause-found' && top && !posted.includes(top.id) ? ['its id'] : [];
  const buttons = offers
    .slice(0, SHOWN_OFFERS)
    .filter(({ id }) => !posted.split(/\s/).includes(`request-mitigation:${id}`))
    .map(({ title }) => `the button of "${title}"`);
  return [...missing, ...named, ...buttons].map((what) => `the card does not show ${what}`);
}
