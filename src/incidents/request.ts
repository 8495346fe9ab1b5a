import type { NamedService } from '../config/schema.ts';
import { MITIGATIONS } from '../mitigations/index.ts';
import type { Mitigation } from '../mitigations/mitigation.ts';
import { appendAudit } from '../store/audit.ts';
import type { Db } from '../store/database.ts';
import { inIncident } from '../store/incidents.ts';
import {
  executedCount,
  findMitigation,
  type MitigationRow,
  markRequested,
  moveMitigation,
} from '../store/mitigations.ts';
import { addTimeline } from '../store/timeline.ts';
import { type IncidentDeps, serviceOf } from './deps.ts';
import { groupsOfPolicy, mayRequest, type Refusal } from './policy.ts';

/** A look at the target has to fit into the 3 s that Slack gives an answer. */
const LOOK_DEADLINE_MS = 1_500;

export type Requested = { mitigation: MitigationRow } | Refusal;

/** Whether this person may ask for this mitigation now; with it, what the dialog shows. */
export async function prepareRequest(
  deps: IncidentDeps,
  mitigationId: number,
  version: number,
  userId: string,
): Promise<Requested> {
  const mitigation = await findMitigation(deps.db, mitigationId);
  const service = mitigation && serviceOf(deps, mitigation.service);
  if (!mitigation || !service) return { refused: 'not-found' };
  if (mitigation.state !== 'proposed' || mitigation.version !== version) {
    return { refused: 'out-of-date', state: mitigation.state, by: mitigation.requestedBy };
  }
  if (
    !service.targets.postgres?.actionUrl ||
    service.approvals.approvers.length === 0 ||
    // An offer may be older than the configuration.
    service.mitigations.disabled.includes(mitigation.kind)
  ) {
    return { refused: 'look-only' };
  }
  const refusal = await refusalOf(deps, mitigation, userId);
  return refusal ?? { mitigation };
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

  const look = await lookAgain(deps, mitigation);
  if (look.state === 'changed') return refuseChangedTarget(deps, mitigation, look.reason);

  return inIncident(deps.db, mitigation.incidentId, async (db, incident): Promise<Requested> => {
    if (incident.state === 'resolved') return { refused: 'incident-over' };
    const requested = await markRequested(db, mitigation.id, version, {
      by: userId,
      reason,
      quorum: service.approvals.quorum,
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
  userId: string,
): Promise<Refusal | null> {
  const service = serviceOf(deps, mitigation.service);
  if (!service) return { refused: 'not-found' };
  const person = await deps.people.lookUp(userId, groupsOfPolicy(service.approvals)).catch((err) => {
    deps.log.warn({ err, slackUserId: userId }, 'looking up a requester');
    return null;
  });
  const refusal: Refusal | null = person
    ? (mayRequest(service.approvals, person) ?? (await budgetRefusal(deps.db, mitigation, service)))
    : { refused: 'people-unknown' };
  if (refusal) await deps.db.transaction((db) => auditRefusal(db, mitigation, userId, 'request', refusal));
  return refusal;
}

/** Whether this incident has had all the sessions ended that its service allows. */
export async function budgetRefusal(
  db: Db,
  mitigation: MitigationRow,
  service: NamedService,
): Promise<Refusal | null> {
  const limit = service.mitigations.maxKillsPerIncident;
  const done = await executedCount(db, mitigation.incidentId, ['cancel-query', 'terminate-backend']);
  return done >= limit ? { refused: 'budget-used', limit } : null;
}

/** The dry run as of now; when the target cannot be reached in time, what the diagnosis saw stays. */
async function lookAgain(
  deps: IncidentDeps,
  row: MitigationRow,
): Promise<{ state: 'same'; dryRun: Record<string, unknown> } | { state: 'changed'; reason: string }> {
  const service = serviceOf(deps, row.service);
  const mitigation = mitigationOf(row.kind);
  if (!service || !mitigation)
    return { state: 'changed', reason: 'this kind of mitigation is not known any more' };
  const signal = AbortSignal.timeout(LOOK_DEADLINE_MS);
  try {
    const target = mitigation.target.parse(row.target);
    return await mitigation.look(target, { service, targets: deps.targets(service.id), signal });
  } catch (err) {
    // Execution looks again in the statement that acts, so asking may go on without this look.
    deps.log.warn({ err, mitigationId: row.id }, 'looking at the target before asking');
    return { state: 'same', dryRun: row.dryRun };
  }
}

async function refuseChangedTarget(deps: IncidentDeps, row: MitigationRow, reason: string): Promise<Refusal> {
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

type AnyMitigation = Mitigation<Record<string, unknown>, Record<string, unknown>>;

/** The mitigation of this kind, with its target still to be parsed. */
export function mitigationOf(kind: string): AnyMitigation | null {
  return (MITIGATIONS.find((candidate) => candidate.kind === kind) as AnyMitigation | undefined) ?? null;
}
