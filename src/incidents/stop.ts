import { appendAudit } from '../store/audit.ts';
import { askToStop } from '../store/executions.ts';
import { inIncident } from '../store/incidents.ts';
import { findMitigation, type MitigationRow } from '../store/mitigations.ts';
import { addTimeline } from '../store/timeline.ts';
import { type IncidentDeps, serviceOf } from './deps.ts';
import { about, auditOf } from './mitigation-record.ts';
import { groupsOfPolicy, mayDecide, type Refusal } from './policy.ts';
import { auditRefusal } from './request.ts';

/**
 * Asks a running execution to stop, by whoever asked for it or may decide on it. Its executor hears it within 2 s and
 * aborts; what then became of it is found out by looking.
 */
export async function stopMitigation(
  deps: IncidentDeps,
  mitigationId: number,
  userId: string,
): Promise<{ mitigation: MitigationRow } | Refusal> {
  const row = await findMitigation(deps.db, mitigationId);
  const service = row && serviceOf(deps, row.service);
  if (!row || !service) return { refused: 'not-found' };
  const person = await deps.people.lookUp(userId, groupsOfPolicy(service.approvals)).catch((err) => {
    deps.log.warn({ err, slackUserId: userId }, 'looking up who stops a mitigation');
    return null;
  });
  // Stopping does no more than denying does: it is for the same people.
  const refusal: Refusal | null = person
    ? mayDecide(service.approvals, person, 'deny', row)
    : { refused: 'people-unknown' };
  return inIncident(deps.db, row.incidentId, async (db): Promise<{ mitigation: MitigationRow } | Refusal> => {
    if (refusal) {
      await auditRefusal(db, row, userId, 'stop', refusal);
      return refusal;
    }
    const asked = await askToStop(db, row.id, userId);
    if (!asked) {
      const now = (await findMitigation(db, row.id)) ?? row;
      return { refused: 'out-of-date', state: now.state, by: now.stopAskedBy ?? now.requestedBy };
    }
    await addTimeline(db, row.incidentId, 'stop-asked', userId, about(row));
    await appendAudit(db, auditOf(asked, 'stop', {}, userId));
    return { mitigation: asked };
  });
}
