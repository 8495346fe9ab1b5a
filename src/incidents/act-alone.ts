import { appendAudit } from '../store/audit.ts';
import { actedAloneCount, markActAlone } from '../store/break-glass.ts';
import type { Db } from '../store/database.ts';
import { type Incident, inIncident } from '../store/incidents.ts';
import { addApproval, findMitigation, type MitigationRow } from '../store/mitigations.ts';
import { addTimeline } from '../store/timeline.ts';
import { type IncidentDeps, serviceOf } from './deps.ts';
import { lookAtTarget } from './look-at-target.ts';
import { BREAK_GLASS_REASON_LENGTH, mayActAlone, type Refusal } from './policy.ts';
import { auditRefusal, frozenRefusal, prepareOffer, type Requested, refuseChangedTarget } from './request.ts';

interface Alone {
  mitigationId: number;
  version: number;
  userId: string;
  reason: string;
}

/**
 * Break-glass: one named person carries out an offer without anybody's approval, for a reason that everybody in the
 * channel reads. Target, limits and freeze are judged as ever; only the second person is left out.
 */
export async function actAlone(deps: IncidentDeps, alone: Alone): Promise<Requested> {
  const judge = { what: 'act-alone' as const, may: mayActAlone };
  const prepared = await prepareOffer(deps, alone.mitigationId, alone.version, alone.userId, judge);
  if ('refused' in prepared) return prepared;
  if (alone.reason.length < BREAK_GLASS_REASON_LENGTH) {
    return { refused: 'reason-too-short', atLeast: BREAK_GLASS_REASON_LENGTH };
  }
  const { mitigation } = prepared;
  const service = serviceOf(deps, mitigation.service);
  if (!service) return { refused: 'not-found' };
  const look = await lookAtTarget(deps, service, mitigation);
  if (look.state === 'changed') return refuseChangedTarget(deps, mitigation, look.reason);

  const { maxPerIncident } = service.approvals.breakGlass;
  const acted = await inIncident(deps.db, mitigation.incidentId, async (db, incident): Promise<Requested> => {
    const refusal = await refusalNow(db, incident, maxPerIncident);
    if (refusal) {
      await auditRefusal(db, mitigation, alone.userId, 'act-alone', refusal);
      return refusal;
    }
    const values = {
      by: alone.userId,
      reason: alone.reason,
      dryRun: look.dryRun,
      executionExpiryMs: service.approvals.executionExpiry,
    };
    const row = await markActAlone(db, mitigation.id, alone.version, values);
    if (row) return { mitigation: await record(db, row, alone) };
    const now = await findMitigation(db, mitigation.id);
    return { refused: 'out-of-date', state: now?.state ?? 'withdrawn', by: now?.requestedBy ?? null };
  });
  if ('mitigation' in acted) await ring(deps, mitigation.id);
  return acted;
}

async function refusalNow(db: Db, incident: Incident, maxPerIncident: number): Promise<Refusal | null> {
  if (incident.state === 'resolved') return { refused: 'incident-over' };
  if ((await actedAloneCount(db, incident.id)) >= maxPerIncident) {
    return { refused: 'alone-used', limit: maxPerIncident };
  }
  return frozenRefusal(db);
}

async function record(db: Db, row: MitigationRow, { userId, reason }: Alone): Promise<MitigationRow> {
  await addApproval(db, row, userId, 'approve');
  await addTimeline(db, row.incidentId, 'break-glass', userId, {
    mitigationId: row.id,
    title: row.title,
    reason,
  });
  await appendAudit(db, {
    actor: userId,
    kind: 'mitigation.break-glass',
    subject: `mitigation:${row.id}`,
    body: { incident: row.incidentId, target: row.targetHash, version: row.version },
  });
  return row;
}

/** The sweep rings again, should the queue not answer. */
async function ring(deps: IncidentDeps, mitigationId: number): Promise<void> {
  await deps.bell.action(mitigationId).catch((err) => {
    deps.log.warn({ err, mitigationId }, 'ringing for an action in an emergency');
  });
}
