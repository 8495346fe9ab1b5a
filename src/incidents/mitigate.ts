import { randomUUID } from 'node:crypto';
import type { NamedService } from '../config/schema.ts';
import { userMessageOf } from '../errors.ts';
import type { MitigationContext, Verification } from '../mitigations/mitigation.ts';
import { appendAudit } from '../store/audit.ts';
import type { Db } from '../store/database.ts';
import { findIncident, inIncident } from '../store/incidents.ts';
import {
  approvalsOf,
  claimMitigation,
  findMitigation,
  type MitigationRow,
  moveMitigation,
  recordOutcome,
} from '../store/mitigations.ts';
import { addTimeline } from '../store/timeline.ts';
import { timeLimit } from '../targets/time-limit.ts';
import { type IncidentDeps, serviceOf } from './deps.ts';
import { groupsOfPolicy, mayDecide } from './policy.ts';
import { budgetRefusal, mitigationOf } from './request.ts';
import { startRun } from './run.ts';

/** Limit of the acting statement and of the look that follows it. */
export const EXECUTE_DEADLINE_MS = 6_000;
export const VERIFY_DEADLINE_MS = 6_000;
/** The first look at recovery leaves the held-up requests a moment to drain. */
const FIRST_CHECK_MS = 3_000;

type Outcome = 'succeeded' | 'failed' | 'target-changed' | 'interrupted';

/**
 * Carries out an approved mitigation, at most once: the claim is a compare-and-set in the store, committed with its
 * audit entry before anything happens; an `executing` row is never claimed again, only verified.
 */
export async function executeMitigation(
  deps: IncidentDeps,
  mitigationId: number,
  stop?: AbortSignal,
): Promise<void> {
  const row = await findMitigation(deps.db, mitigationId);
  const service = row && serviceOf(deps, row.service);
  if (row?.state !== 'approved' || !service) return;
  if (!(await approversStillAllowed(deps, row, service))) return;

  // The time runs from before the claim: a process that was paused right after it must not act late.
  const limit = actLimit(stop);
  const claimed = await claim(deps, row, service);
  if (!claimed) return;
  const mitigation = mitigationOf(claimed.kind);
  if (!mitigation) return finish(deps, claimed, 'failed', 'this kind of mitigation is not known any more');
  const log = deps.log.child({ mitigationId: claimed.id, incidentId: claimed.incidentId });
  if (limit.isOver()) {
    // The row stays `executing`; settleInterrupted() looks and records what is there.
    log.warn('the time to act was over right after the claim; nothing was done');
    return;
  }
  const context = { service, targets: deps.targets(service.id) };

  try {
    const target = mitigation.target.parse(claimed.target);
    const effect = await mitigation.execute(target, { ...context, signal: limit.signal });
    log.info({ effect: effect.effect }, 'mitigation executed');
    if (effect.effect === 'target-changed') return finish(deps, claimed, 'target-changed', effect.reason);
  } catch (err) {
    // Whether it took effect is not known: only looking can tell.
    log.error({ err }, 'executing a mitigation');
    const verification = await verify(deps, claimed, context);
    if (verification.effect !== 'took-place') {
      const detail = `${userMessageOf(err)}; ${verification.detail}`;
      return finish(deps, claimed, verification.effect === 'unknown' ? 'interrupted' : 'failed', detail);
    }
    return finish(deps, claimed, 'succeeded', verification.detail);
  }
  const verification = await verify(deps, claimed, context);
  await finish(deps, claimed, outcomeOf(verification), verification.detail);
}

/** The time an act may take. After a pause the answer to the claim may come before the timer: the clock counts too. */
function actLimit(stop?: AbortSignal): { signal: AbortSignal; isOver(): boolean } {
  const startedAt = Date.now();
  const signal = stop ? timeLimit(stop, EXECUTE_DEADLINE_MS) : AbortSignal.timeout(EXECUTE_DEADLINE_MS);
  return { signal, isOver: () => signal.aborted || Date.now() - startedAt >= EXECUTE_DEADLINE_MS };
}

/**
 * Settles a mitigation whose worker died in the middle of it: looks whether the effect is there and records that.
 * It never acts; what did not take place needs a fresh request.
 */
export async function settleInterrupted(deps: IncidentDeps, row: MitigationRow): Promise<void> {
  const service = serviceOf(deps, row.service);
  if (!service || !row.claim) return;
  if (row.state === 'executing' && !(await markInterrupted(deps, row))) return;
  const verification = await verify(deps, row, { service, targets: deps.targets(service.id) });
  if (verification.effect === 'unknown') {
    deps.log.warn(
      { mitigationId: row.id, detail: verification.detail },
      'outcome of a mitigation still unknown',
    );
    return;
  }
  const outcome = outcomeOf(verification);
  const cutOff = `it was cut off before it took effect, and is not repeated (${verification.detail})`;
  await finish(deps, row, outcome, outcome === 'failed' ? cutOff : verification.detail);
}

function markInterrupted(deps: IncidentDeps, row: MitigationRow): Promise<boolean> {
  return inIncident(deps.db, row.incidentId, async (db) => {
    if (!(await moveMitigation(db, row.id, ['executing'], 'interrupted'))) return false;
    await addTimeline(db, row.incidentId, 'interrupted', 'latency-bot', about(row));
    await appendAudit(db, auditOf(row, 'interrupted', {}));
    return true;
  });
}

async function approversStillAllowed(
  deps: IncidentDeps,
  row: MitigationRow,
  service: NamedService,
): Promise<boolean> {
  const approvals = await approvalsOf(deps.db, row.id);
  for (const { userId, decision } of approvals) {
    if (decision !== 'approve') continue;
    const person = await deps.people.lookUp(userId, groupsOfPolicy(service.approvals)).catch((err) => {
      deps.log.warn({ err, slackUserId: userId }, 'looking up an approver before acting');
      return null;
    });
    if (person && mayDecide(service.approvals, person, 'approve', row.requestedBy) === null) continue;
    const reason = person
      ? 'an approver lost the right to approve before it started; nothing was done'
      : 'the right of an approver could not be checked; nothing was done';
    await inIncident(deps.db, row.incidentId, (db) => refuse(db, row, reason, { approver: userId }));
    return false;
  }
  return true;
}

/** An approved mitigation is not carried out after all. */
async function refuse(
  db: Db,
  row: MitigationRow,
  reason: string,
  because: Record<string, unknown>,
): Promise<void> {
  if (!(await moveMitigation(db, row.id, ['approved'], 'failed', reason))) return;
  await addTimeline(db, row.incidentId, 'refused', 'latency-bot', { ...about(row), reason });
  await appendAudit(db, auditOf(row, 'refused', because));
}

function claim(deps: IncidentDeps, row: MitigationRow, service: NamedService): Promise<MitigationRow | null> {
  return inIncident(deps.db, row.incidentId, async (db) => {
    const outdated = await configurationRefusal(db, row, service);
    if (outdated) {
      await refuse(db, row, outdated, { because: 'configuration' });
      return null;
    }
    // Several may have been asked for while the budget still had room.
    const overspent = await budgetRefusal(db, row, service);
    if (overspent) {
      const reason = 'the incident has used up its cancelled or terminated sessions; nothing was done';
      await refuse(db, row, reason, { because: overspent.refused });
      return null;
    }
    const claimed = await claimMitigation(db, row.id, randomUUID(), service.approvals.quorum);
    if (!claimed) return null;
    await addTimeline(db, claimed.incidentId, 'executing', 'latency-bot', about(claimed));
    await appendAudit(db, auditOf(claimed, 'executing', { target: claimed.targetHash }));
    return claimed;
  });
}

/** What the configuration of now forbids counts, although it allowed it when it was approved. */
async function configurationRefusal(
  db: Db,
  row: MitigationRow,
  service: NamedService,
): Promise<string | null> {
  if (service.mitigations.disabled.includes(row.kind))
    return `${row.kind} was disabled for this service before it started; nothing was done`;
  const needed = Math.max(row.quorum, service.approvals.quorum);
  const given = (await approvalsOf(db, row.id)).filter(({ decision }) => decision === 'approve').length;
  if (given >= needed) return null;
  return `it has ${given} of the ${needed} approvals that are needed now; nothing was done`;
}

async function verify(
  deps: IncidentDeps,
  row: MitigationRow,
  context: Omit<MitigationContext, 'signal'>,
): Promise<Verification> {
  const mitigation = mitigationOf(row.kind);
  if (!mitigation) return { effect: 'unknown', detail: 'this kind of mitigation is not known any more' };
  try {
    const target = mitigation.target.parse(row.target);
    return await mitigation.verify(target, { ...context, signal: AbortSignal.timeout(VERIFY_DEADLINE_MS) });
  } catch (err) {
    deps.log.error({ err, mitigationId: row.id }, 'verifying a mitigation');
    return { effect: 'unknown', detail: `the effect could not be checked: ${userMessageOf(err)}` };
  }
}

async function finish(
  deps: IncidentDeps,
  row: MitigationRow,
  outcome: Outcome,
  detail: string,
): Promise<void> {
  const { claim: holder } = row;
  if (!holder) return;
  const recorded = await inIncident(deps.db, row.incidentId, async (db) => {
    if (!(await recordOutcome(db, row.id, holder, outcome, detail, FIRST_CHECK_MS))) return false;
    await addTimeline(db, row.incidentId, outcome, 'latency-bot', { ...about(row), detail });
    await appendAudit(db, auditOf(row, outcome, {}));
    return true;
  });
  if (!recorded) {
    const log = { mitigationId: row.id, incidentId: row.incidentId, outcome, detail };
    deps.log.error(log, 'the outcome of a mitigation was not recorded: its claim was settled by another');
  }
  if (recorded && (outcome === 'failed' || outcome === 'target-changed')) await lookAgain(deps, row);
}

/** What did not take place needs a fresh offer, and that a fresh look; nothing is asked for or done by it. */
async function lookAgain(deps: IncidentDeps, row: MitigationRow): Promise<void> {
  const incident = await findIncident(deps.db, row.incidentId);
  if (incident)
    await startRun(deps, incident, { kind: 'triage', requestedBy: 'latency-bot', mitigationId: null });
}

function outcomeOf(verification: Verification): Outcome {
  if (verification.effect === 'took-place') return 'succeeded';
  return verification.effect === 'unknown' ? 'interrupted' : 'failed';
}

function about(row: MitigationRow): Record<string, unknown> {
  return { mitigationId: row.id, title: row.title, kind: row.kind };
}

function auditOf(row: MitigationRow, what: string, body: Record<string, unknown>) {
  return {
    actor: 'latency-bot',
    kind: `mitigation.${what}`,
    subject: `mitigation:${row.id}`,
    body: { incident: row.incidentId, ...body },
  };
}
