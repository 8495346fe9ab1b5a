import type { NamedService } from '../config/schema.ts';
import { appendAudit } from '../store/audit.ts';
import type { Db } from '../store/database.ts';
import { inIncident } from '../store/incidents.ts';
import { earlierAnswer, keepAnswer } from '../store/interactions.ts';
import {
  addApproval,
  findMitigation,
  lockMitigation,
  type MitigationRow,
  markApproved,
  moveMitigation,
} from '../store/mitigations.ts';
import { addTimeline } from '../store/timeline.ts';
import { type IncidentDeps, type Person, serviceOf } from './deps.ts';
import { groupsOfPolicy, mayDecide, type Refusal } from './policy.ts';
import { auditRefusal, frozenRefusal } from './request.ts';

export interface Decision {
  mitigationId: number;
  /** The version on the card that was clicked. */
  version: number;
  userId: string;
  decision: 'approve' | 'deny';
  /** Names this click: delivered again, it gets the answer of its first delivery. */
  interactionId?: string;
  /** Where it was given; the terminal proves a person without Slack. */
  via?: 'slack' | 'terminal';
}

type Outcome = 'approved' | 'denied' | 'more-approvals-needed';
export type Decided = { mitigation: MitigationRow; outcome: Outcome } | Refusal;

/**
 * Takes one person's decision on a requested mitigation. The row is locked while it is judged, so of two people who
 * click at once one decides and the other is told; the store's clock judges expiry; one "no" ends it.
 */
export async function decideMitigation(deps: IncidentDeps, decision: Decision): Promise<Decided> {
  const seen = await findMitigation(deps.db, decision.mitigationId);
  const service = seen && serviceOf(deps, seen.service);
  if (!seen || !service) return { refused: 'not-found' };
  const person = await deps.people.lookUp(decision.userId, groupsOfPolicy(service.approvals)).catch((err) => {
    deps.log.warn({ err, slackUserId: decision.userId }, 'looking up an approver');
    return null;
  });
  const decided = await inIncident(deps.db, seen.incidentId, (db) => once(db, decision, service, person));
  if ('outcome' in decided && decided.outcome === 'approved') {
    await deps.bell.action(decision.mitigationId).catch((err) => {
      // The sweep rings again.
      deps.log.warn({ err, mitigationId: decision.mitigationId }, 'ringing for an approved mitigation');
    });
  }
  return decided;
}

/** Under the lock of the incident: of several deliveries of one click, the second sees the first. */
async function once(
  db: Db,
  decision: Decision,
  service: NamedService,
  person: Person | null,
): Promise<Decided> {
  const { interactionId } = decision;
  const earlier = interactionId
    ? await earlierAnswer<{ outcome: Outcome } | Refusal>(db, interactionId)
    : null;
  if (earlier && 'refused' in earlier) return earlier;
  if (earlier) {
    const row = await findMitigation(db, decision.mitigationId);
    return row ? { mitigation: row, outcome: earlier.outcome } : { refused: 'not-found' };
  }
  const decided = await decide(db, decision, service, person);
  if (interactionId) {
    await keepAnswer(db, interactionId, 'outcome' in decided ? { outcome: decided.outcome } : decided);
  }
  return decided;
}

async function decide(
  db: Db,
  decision: Decision,
  service: NamedService,
  person: Person | null,
): Promise<Decided> {
  const row = await lockMitigation(db, decision.mitigationId);
  if (!row) return { refused: 'not-found' };
  // Judged on the locked row: whose request it is cannot change any more. A "no" is welcome in a freeze too.
  const refusal: Refusal | null = person
    ? (mayDecide(service.approvals, person, decision.decision, row) ??
      (decision.decision === 'approve' ? await frozenRefusal(db) : null))
    : { refused: 'people-unknown' };
  if (refusal) {
    await auditRefusal(db, row, decision.userId, decision.decision, refusal);
    return refusal;
  }
  if (row.state !== 'requested' || row.version !== decision.version) {
    return { refused: 'out-of-date', state: row.state, by: row.requestedBy };
  }
  if (row.expired) return { refused: 'expired' };
  const isNew = await addApproval(db, row, decision.userId, decision.decision, decision.via);
  if (!isNew) return { refused: 'already-decided-by-you' };
  return record(db, row, decision, service.approvals.executionExpiry);
}

async function record(
  db: Db,
  row: MitigationRow,
  { userId, decision, via = 'slack' }: Decision,
  executionExpiryMs: number,
): Promise<Decided> {
  const approve = decision === 'approve';
  const moved = approve
    ? await markApproved(db, row.id, executionExpiryMs)
    : await moveMitigation(db, row.id, ['requested'], 'denied');
  const outcome = approve ? (moved ? 'approved' : 'more-approvals-needed') : 'denied';
  await addTimeline(db, row.incidentId, approve ? 'approved' : 'denied', userId, {
    mitigationId: row.id,
    title: row.title,
    complete: moved !== null,
    via,
  });
  await appendAudit(db, {
    actor: userId,
    kind: `mitigation.${approve ? 'approve' : 'deny'}`,
    subject: `mitigation:${row.id}`,
    body: { incident: row.incidentId, target: row.targetHash, version: row.version, outcome, via },
  });
  return { mitigation: moved ?? row, outcome };
}
