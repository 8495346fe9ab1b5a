import type { NamedService } from '../config/schema.ts';
import { userMessageOf } from '../errors.ts';
import type { MitigationContext, Verification } from '../mitigations/mitigation.ts';
import { isServiceBusy, postponeLook } from '../store/executions.ts';
import { findMitigation, type MitigationRow } from '../store/mitigations.ts';
import { timeLimit } from '../targets/time-limit.ts';
import { approversStillAllowed, claim } from './claim.ts';
import { type IncidentDeps, serviceOf } from './deps.ts';
import { mitigationOf } from './kinds.ts';
import { finish, markInterrupted, outcomeOf, verify } from './outcome.ts';
import { keepAlive, type Running } from './running.ts';

/** How soon after its claim an act has to begin. One that takes no longer altogether is not cut off at the end. */
export const BEGIN_DEADLINE_MS = 6_000;

/**
 * Carries out an approved mitigation, at most once: the claim is a compare-and-set in the store, committed with its
 * audit entry before anything happens; an `executing` row is never claimed again, only verified. `stop` is the end
 * of this process: a long execution is then cut off, and settled by looking at the next start.
 */
export async function executeMitigation(
  deps: IncidentDeps,
  mitigationId: number,
  stop: AbortSignal = new AbortController().signal,
): Promise<void> {
  const row = await findMitigation(deps.db, mitigationId);
  const service = row && serviceOf(deps, row.service);
  if (row?.state !== 'approved' || !service || stop.aborted) return;
  // Changes of one service take turns; the sweep rings again, as long as the approval is valid.
  if (await isServiceBusy(deps.db, row)) return;
  if (!(await approversStillAllowed(deps, row, service))) return;

  deps.onStep?.('before-claim');
  // The time runs from before the claim: a process that was paused right after it must not act late.
  const startedAt = Date.now();
  const claimed = await claim(deps, row, service);
  if (!claimed) return;
  deps.onStep?.('after-claim');
  const running = keepAlive(deps, claimed);
  try {
    if (stop.aborted || Date.now() - startedAt >= BEGIN_DEADLINE_MS) {
      await finish(
        deps,
        claimed,
        'failed',
        'the time to begin was over right after the claim; nothing was done',
      );
    } else {
      await carryOut(deps, claimed, service, running, stop);
    }
  } finally {
    await running.end();
  }
}

async function carryOut(
  deps: IncidentDeps,
  claimed: MitigationRow,
  service: NamedService,
  running: Running,
  stop: AbortSignal,
): Promise<void> {
  const mitigation = mitigationOf(claimed.kind);
  if (!mitigation) return finish(deps, claimed, 'failed', 'this kind of mitigation is not known any more');
  const log = deps.log.child({ mitigationId: claimed.id, incidentId: claimed.incidentId });
  // What takes moments is not cut off by the end of the process: it is over before that.
  const cutOff = mitigation.executeMs > BEGIN_DEADLINE_MS ? stop : new AbortController().signal;
  const context: MitigationContext = {
    ...{ service, targets: deps.targets(service.id), progress: running.progress },
    signal: timeLimit(AbortSignal.any([running.signal, cutOff]), mitigation.executeMs),
  };
  try {
    const target = mitigation.target.parse(claimed.target);
    deps.onStep?.('before-effect');
    const effect = await mitigation.execute(target, context);
    deps.onStep?.('after-effect');
    log.info({ effect: effect.effect }, 'mitigation executed');
    if (effect.effect === 'target-changed') return finish(deps, claimed, 'target-changed', effect.reason);
    const seen = await verify(deps, claimed, context);
    await finish(deps, claimed, outcomeOf(seen), seen.detail, effect.did ?? seen.did ?? null);
  } catch (err) {
    log.error({ err }, 'executing a mitigation');
    if (cutOff.aborted) {
      await markInterrupted(deps, claimed);
      return;
    }
    // Whether it took effect is not known: only looking can tell.
    const seen = await verify(deps, claimed, context);
    const words = running.stopAsked() ? 'it was stopped on request' : userMessageOf(err);
    await finish(
      deps,
      claimed,
      outcomeOf(seen),
      afterError(seen, words, running.stopAsked()),
      seen.did ?? null,
    );
  }
}

/** What took place all the same needs no word of the error, but one of the stop that came too late. */
function afterError(seen: Verification, words: string, stopped: boolean): string {
  return seen.effect === 'took-place' && !stopped ? seen.detail : `${words}; ${seen.detail}`;
}

/**
 * Settles a mitigation whose worker died in the middle of it: looks whether the effect is there and records that.
 * It never acts; what did not take place needs a fresh request.
 */
export async function settleInterrupted(deps: IncidentDeps, row: MitigationRow): Promise<void> {
  const service = serviceOf(deps, row.service);
  if (!service || !row.claim) return;
  if (row.state === 'executing' && !(await markInterrupted(deps, row))) return;
  const seen = await verify(deps, row, { service, targets: deps.targets(service.id) });
  if (seen.effect === 'unknown') {
    const log = { mitigationId: row.id, detail: seen.detail, looks: row.looks };
    deps.log.warn(log, 'outcome of a mitigation still unknown');
    await postponeLook(deps.db, row);
    return;
  }
  const outcome = outcomeOf(seen);
  const asked = row.stopAskedBy === null ? 'it was cut off' : 'it was stopped on request';
  const cutOff = `${asked} before it took effect, and is not repeated (${seen.detail})`;
  await finish(deps, row, outcome, outcome === 'failed' ? cutOff : seen.detail, seen.did ?? null);
}
