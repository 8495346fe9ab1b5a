import type { NamedService } from '../config/schema.ts';
import { appendAudit } from '../store/audit.ts';
import type { Db } from '../store/database.ts';
import { freezeState } from '../store/freeze.ts';
import { inIncident } from '../store/incidents.ts';
import { findMitigation, type MitigationRow, markRequested, moveMitigation } from '../store/mitigations.ts';
import { addTimeline } from '../store/timeline.ts';
import { budgetRefusal } from './budget.ts';
import { type IncidentDeps, serviceOf } from './deps.ts';
import { withheldBecause } from './kinds.ts';
import { lookAtTarget } from './look-at-target.ts';
import { groupsOfPolicy, mayRequest, quorumNow, type Refusal } from './policy.ts';

export type Requested = { mitigation: MitigationRow } | Refusal;

/** Whether this person may ask for this mitigation now; with it, what the dialog shows. */
export async function prepareRequest(
  deps: IncidentDeps,
  mitigationId: number,
  version: number,
  userId: string,
): Promise<Requested> {
  return prepareOffer(deps, mitigationId, version, userId, { what: 'request', may: mayRequest });
}

/** Whether this is on offer as it was shown, and whether this person `may`, this change is within its limits, and nothing is frozen. */
export async function prepareOffer(
  deps: IncidentDeps,
  mitigationId: number,
  version: number,
  userId: string,
  judge: Judge,
): Promise<Requested> {
  const mitigation = await findMitigation(deps.db, mitigationId);
  const service = mitigation && serviceOf(deps, mitigation.service);
  if (!mitigation || !service) return { refused: 'not-found' };
  if (mitigation.state !== 'proposed' || mitigation.version !== version) {
    return { refused: 'out-of-date', state: mitigation.state, by: mitigation.requestedBy };
  }
  // An offer may be older than the configuration.
  if (withheldBecause(mitigation.kind, service) !== null) return { refused: 'look-only' };
  const refusal = await refusalOf(deps, mitigation, service, userId, judge);
  return refusal ?? { mitigation };
}

interface Judge {
  what: 'request' | 'act-alone';
  may: typeof mayRequest;
}

/**
 * Asks for a mitigation: policy, a fresh look at the target, then one compare-and-set from `proposed` on the version
 * that was shown. A target that changed meanwhile is refused here already.
 */
export async function requestMitigation(
  deps: IncidentDeps,
  mitigationId: number,
  version: number,
  userId: string,
  reason: string,
): Promise<Requested> {
  const prepared = await prepareRequest(deps, mitigationId, version, userId);
  if ('refused' in prepared) return prepared;
  const { mitigation } = prepared;
  const service = serviceOf(deps, mitigation.service);
  if (!service) return { refused: 'not-found' };

  const look = await lookAtTarget(deps, service, mitigation);
  if (look.state === 'changed') return refuseChangedTarget(deps, mitigation, look.reason);

  return inIncident(deps.db, mitigation.incidentId, async (db, incident): Promise<Requested> => {
    // What was changed can be taken back after its incident, too.
    if (incident.state === 'resolved' && mitigation.undoes === null) return { refused: 'incident-over' };
    const requested = await markRequested(db, mitigation.id, version, {
      by: userId,
      reason,
      quorum: quorumNow(service.approvals, mitigation),
      expiryMs: service.approvals.expiry,
      dryRun: look.dryRun,
    });
    if (!requested) {
      const now = await findMitigation(db, mitigation.id);
      return { refused: 'out-of-date', state: now?.state ?? 'withdrawn', by: now?.requestedBy ?? null };
    }
    await addTimeline(db, mitigation.incidentId, 'requested', userId, {
      mitigationId: mitigation.id,
      title: mitigation.title,
      reason,
    });
    await appendAudit(db, {
      actor: userId,
      kind: 'mitigation.requested',
      subject: `mitigation:${mitigation.id}`,
      body: { incident: mitigation.incidentId, target: mitigation.targetHash, quorum: requested.quorum },
    });
    return { mitigation: requested };
  });
}

async function refusalOf(
  deps: IncidentDeps,
  mitigation: MitigationRow,
  service: NamedService,
  userId: string,
  { what, may }: Judge,
): Promise<Refusal | null> {
  const person = await deps.people.lookUp(userId, groupsOfPolicy(service.approvals)).catch((err) => {
    deps.log.warn({ err, slackUserId: userId }, 'looking up a requester');
    return null;
  });
  const refusal: Refusal | null = person
    ? (may(service.approvals, person) ??
      (await frozenRefusal(deps.db)) ??
      (await budgetRefusal(deps.db, mitigation, service)))
    : { refused: 'people-unknown' };
  if (refusal) await deps.db.transaction((db) => auditRefusal(db, mitigation, userId, what, refusal));
  return refusal;
}

/** Whether changes are frozen, in words for the one who wants one. */
export async function frozenRefusal(db: Db): Promise<Refusal | null> {
  const freeze = await freezeState(db);
  return freeze && { refused: 'frozen', by: freeze.by, reason: freeze.reason };
}

/** Takes an offer off whose target changed before anybody could act on it. */
export async function refuseChangedTarget(
  deps: IncidentDeps,
  row: MitigationRow,
  reason: string,
): Promise<Refusal> {
  await inIncident(deps.db, row.incidentId, async (db) => {
    const moved = await moveMitigation(db, row.id, ['proposed'], 'target-changed', reason);
    if (!moved) return;
    await addTimeline(db, row.incidentId, 'target-changed', 'latency-bot', {
      mitigationId: row.id,
      title: row.title,
      reason,
    });
    await appendAudit(db, {
      actor: 'latency-bot',
      kind: 'mitigation.target-changed',
      subject: `mitigation:${row.id}`,
      body: { incident: row.incidentId, at: 'request' },
    });
  });
  return { refused: 'target-changed', reason };
}

/** Refusals are proven too. */
export function auditRefusal(
  db: Db,
  row: MitigationRow,
  actor: string,
  what: string,
  refusal: Refusal,
): Promise<void> {
  return appendAudit(db, {
    actor,
    kind: 'mitigation.refused',
    subject: `mitigation:${row.id}`,
    body: { incident: row.incidentId, what, because: refusal.refused },
  });
}
