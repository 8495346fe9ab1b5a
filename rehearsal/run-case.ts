import { setTimeout as sleep } from 'node:timers/promises';
import type { RehearsedFault } from '../sandbox/debtflow/rehearsal-routes.ts';
import { type Case, skipReason } from './cases.ts';
import { takeBack, untilCalm, untilSlow, untilWell } from './debtflow.ts';
import { type Diagnosed, diagnose, mitigate, resolveOpen } from './incident.ts';
import { judge } from './judge.ts';
import type { Product } from './product.ts';
import { secondsSince } from './until.ts';

/** From the fault to `/latency`, at least. */
const REACTION_MS = 4_000;

/** One row of the rehearsal. */
export interface Result {
  case: string;
  /** Root causes that were really there; empty when nothing was wrong. */
  truth: string[];
  first: string | null;
  ranks: (number | null)[];
  namedFirst: boolean;
  share: number | null;
  secondsToDiagnosis: number | null;
  /** What became of the change that was asked for; null when none was. */
  mitigated: string | null;
  /** From `/latency` until clients were served well by the change that was approved; null when none was. */
  secondsToRecovery: number | null;
  wrongOffers: string[];
  verdict: 'pass' | 'fail' | 'skipped';
  /** Why it failed or was skipped. */
  reasons: string[];
}

export interface CaseOptions {
  /** How long clients have to have been served well before something is broken. */
  calmMs: number;
  /** Whether a change that should help is asked for, approved and verified. */
  mitigate: boolean;
}

/** Breaks, asks, compares, mends. What goes wrong on the way fails the case and not the rehearsal. */
export async function runCase(
  product: Product,
  faults: readonly RehearsedFault[],
  one: Case,
  options: CaseOptions,
): Promise<Result> {
  const truths = faults.filter(({ name }) => one.faults.includes(name)).map(({ truth }) => truth);
  const result = emptyResult(
    one,
    truths.map(({ cause }) => cause).filter((cause) => cause !== 'healthy'),
  );
  const skipped = skipReason(one, faults);
  if (skipped) return { ...result, verdict: 'skipped', reasons: [skipped] };
  try {
    if (!one.atStart) await untilCalm(product, options.calmMs);
    await breakIt(product, one, result.truth.length > 0);
    const begin = performance.now();
    const diagnosed = await diagnose(product);
    const judgement = judge(truths, diagnosed.seen);
    const { problems, ...judged } = judgement;
    Object.assign(result, judged, { secondsToDiagnosis: diagnosed.seconds });
    result.reasons.push(...problems);
    const [only] = truths;
    const kind = truths.length === 1 && only?.recovers === 'by-mitigation' ? only.mitigation : null;
    if (kind && options.mitigate) await mendIt(product, diagnosed, kind, begin, result);
  } catch (error) {
    result.reasons.push(error instanceof Error ? error.message : String(error));
  }
  await cleanUp(product, one, result);
  return { ...result, verdict: result.reasons.length === 0 ? 'pass' : 'fail' };
}

async function breakIt(product: Product, one: Case, getsSlow: boolean): Promise<void> {
  if (one.load !== undefined) await product.setLoad(one.load);
  for (const name of one.faults) await product.workspace.fault(name, true);
  if (one.atStart) return;
  // Nobody is at the keyboard sooner.
  const reaction = sleep(REACTION_MS);
  if (getsSlow) await untilSlow(product);
  await reaction;
}

/** The whole way of an approval; only what was offered can be asked for. */
async function mendIt(
  product: Product,
  { incidentId, seen }: Diagnosed,
  kind: string,
  begin: number,
  result: Result,
): Promise<void> {
  if (!seen.offers.some((offer) => offer.kind === kind)) return; // judged already
  const { state, detail } = await mitigate(product, incidentId, kind);
  result.mitigated = state;
  if (state !== 'verified') {
    result.reasons.push(`${kind} ended as ${state}${detail ? `: ${detail}` : ''}`);
    return;
  }
  await untilWell(product);
  result.secondsToRecovery = secondsSince(begin);
}

async function cleanUp(product: Product, one: Case, result: Result): Promise<void> {
  const takeAllBack = () => takeBack(product, one.faults);
  for (const step of [takeAllBack, () => resolveOpen(product)]) {
    await step().catch((error: unknown) => {
      result.reasons.push(`cleaning up: ${error instanceof Error ? error.message : String(error)}`);
    });
  }
}

function emptyResult(one: Case, truth: string[]): Result {
  return {
    case: one.name,
    truth,
    first: null,
    ranks: truth.map(() => null),
    namedFirst: false,
    share: null,
    secondsToDiagnosis: null,
    mitigated: null,
    secondsToRecovery: null,
    wrongOffers: [],
    verdict: 'fail',
    reasons: [],
  };
}
