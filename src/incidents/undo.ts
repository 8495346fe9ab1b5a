import type { NamedService } from '../config/schema.ts';
import { appendAudit } from '../store/audit.ts';
import { freezeState } from '../store/freeze.ts';
import { inIncident } from '../store/incidents.ts';
import type { MitigationRow } from '../store/mitigations.ts';
import { addTimeline } from '../store/timeline.ts';
import { countUndoTry, findUndo, insertCoveredUndo, proposeUndoOf, type UndoRow } from '../store/undos.ts';
import { type IncidentDeps, serviceOf } from './deps.ts';
import { withheldBecause } from './kinds.ts';
import { lookAtTarget } from './look-at-target.ts';
import { about, auditOf } from './mitigation-record.ts';
import { groupsOfPolicy, mayRequest, type Refusal } from './policy.ts';

export { openUndos } from '../store/undos.ts';

const IN_TIME = 'the time for which it was approved is over';

/**
 * Offers to take a change back, with a dry run of now. It is asked for and approved like any other mitigation; also
 * after its incident, which may be over before the change is.
 */
export async function proposeUndo(
  deps: IncidentDeps,
  undoId: number,
  userId: string,
): Promise<{ mitigation: MitigationRow } | Refusal> {
  const undo = await findUndo(deps.db, undoId);
  const service = undo && serviceOf(deps, undo.service);
  if (!undo || undo.closedAt !== null || !service) return { refused: 'not-found' };
  const refusal = await refusalOf(deps, undo, service, userId);
  if (refusal) return refusal;
  const look = await lookAtTarget(deps, service, undo);
  if (look.state === 'changed') return { refused: 'target-changed', reason: look.reason };
  return inIncident(
    deps.db,
    undo.incidentId,
    async (db): Promise<{ mitigation: MitigationRow } | Refusal> => {
      const mitigation = await proposeUndoOf(db, undo.id, look.dryRun);
      if (!mitigation) return { refused: 'not-found' };
      await addTimeline(db, undo.incidentId, 'undo-offered', userId, about(mitigation));
      await appendAudit(db, auditOf(mitigation, 'undo-offered', { undoes: undo.mitigationId }, userId));
      return { mitigation };
    },
  );
}

async function refusalOf(
  deps: IncidentDeps,
  undo: UndoRow,
  service: NamedService,
  userId: string,
): Promise<Refusal | null> {
  if (withheldBecause(undo.kind, service) !== null) return { refused: 'look-only' };
  const person = await deps.people.lookUp(userId, groupsOfPolicy(service.approvals)).catch((err) => {
    deps.log.warn({ err, slackUserId: userId }, 'looking up who takes a change back');
    return null;
  });
  return person ? mayRequest(service.approvals, person) : { refused: 'people-unknown' };
}

/**
 * A time box is over: takes the change back without a new approval, because the one it was made with covers it. That
 * is recorded before anything happens; a try that comes to nothing is repeated ever more rarely.
 */
export async function undoInTime(deps: IncidentDeps, undo: UndoRow): Promise<void> {
  const service = serviceOf(deps, undo.service);
  // The end of a freeze is waited for without using up tries.
  if (!service || (await freezeState(deps.db))) return;
  const row = await inIncident(deps.db, undo.incidentId, async (db) => {
    if (!(await countUndoTry(db, undo.id))) return null;
    const covered = await insertCoveredUndo(db, undo.id, service.approvals.executionExpiry, IN_TIME);
    if (!covered) return null;
    await addTimeline(db, undo.incidentId, 'time-box-over', 'latency-bot', about(covered));
    await appendAudit(
      db,
      auditOf(covered, 'approved with time box', { by: undo.mitigationId, target: covered.targetHash }),
    );
    return covered;
  });
  if (!row) return;
  await deps.bell.action(row.id).catch((err) => {
    // The sweep rings again.
    deps.log.warn({ err, mitigationId: row.id }, 'ringing for a time box that is over');
  });
}
