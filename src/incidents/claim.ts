import { randomUUID } from 'node:crypto';
import type { NamedService } from '../config/schema.ts';
import { budgetWords } from '../mitigations/budget-words.ts';
import { appendAudit } from '../store/audit.ts';
import type { Db } from '../store/database.ts';
import { claimMitigation, isServiceBusy, lockService } from '../store/executions.ts';
import { inIncident } from '../store/incidents.ts';
import { type MitigationRow, moveMitigation } from '../store/mitigations.ts';
import { addTimeline } from '../store/timeline.ts';
import { budgetRefusal } from './budget.ts';
import { approverRefusal, type ClaimRefusal, claimRefusal, freezeRefusal } from './claim-guard.ts';
import type { IncidentDeps } from './deps.ts';
import { mitigationOf } from './kinds.ts';
import { about, auditOf } from './mitigation-record.ts';
import { quorumNow } from './policy.ts';

/** Whether all who approved still may; when not, it is refused for good. */
export async function approversStillAllowed(
  deps: IncidentDeps,
  row: MitigationRow,
  service: NamedService,
): Promise<boolean> {
  // The end of a time box was approved with its beginning.
  const refusal = row.coveredBy === null ? await approverRefusal(deps, row, service) : null;
  if (!refusal) return true;
  await inIncident(deps.db, row.incidentId, (db) => refuse(db, row, refusal));
  return false;
}

/**
 * approved → executing for exactly one caller, committed with its audit entry before anything happens. Null when it
 * is not its turn, or when something that came after the approval forbids it.
 */
export function claim(
  deps: IncidentDeps,
  row: MitigationRow,
  service: NamedService,
): Promise<MitigationRow | null> {
  return inIncident(deps.db, row.incidentId, async (db) => {
    // Two incidents of one service do not know each other's locks.
    await lockService(db, row.service);
    if (await isServiceBusy(db, row)) return null;
    const refusal = await refusalOf(db, row, service);
    if (refusal) {
      await refuse(db, row, refusal);
      return null;
    }
    const quorum = row.coveredBy === null ? quorumNow(service.approvals, row) : 1;
    const claimed = await claimMitigation(db, row.id, randomUUID(), quorum);
    if (!claimed) return null;
    await addTimeline(db, claimed.incidentId, 'executing', 'latency-bot', about(claimed));
    const covered = claimed.coveredBy === null ? {} : { coveredBy: claimed.coveredBy };
    await appendAudit(db, auditOf(claimed, 'executing', { target: claimed.targetHash, ...covered }));
    return claimed;
  });
}

/** What the freeze, the configuration and the limits of now forbid counts, although it was approved before. */
async function refusalOf(db: Db, row: MitigationRow, service: NamedService): Promise<ClaimRefusal | null> {
  const covered = row.coveredBy !== null;
  const guarded = covered ? await freezeRefusal(db) : await claimRefusal(db, row, service);
  if (guarded) return guarded;
  const mitigation = mitigationOf(row.kind);
  const unavailable = mitigation ? mitigation.unavailable(service) : 'this kind of mitigation is not known';
  if (unavailable !== null) {
    return { reason: `${unavailable}; nothing was done`, because: { because: 'configuration' } };
  }
  // Several may have been asked for while the budget still had room.
  const spent = await budgetRefusal(db, row, service);
  if (!spent) return null;
  const reason = `${budgetWords(spent.what, spent.limit)}; nothing was done`;
  return { reason, because: { because: spent.refused, what: spent.what } };
}

/** An approved mitigation is not carried out after all. */
async function refuse(db: Db, row: MitigationRow, { reason, because }: ClaimRefusal): Promise<void> {
  if (!(await moveMitigation(db, row.id, ['approved'], 'failed', reason))) return;
  await addTimeline(db, row.incidentId, 'refused', 'latency-bot', { ...about(row), reason });
  await appendAudit(db, auditOf(row, 'refused', because));
}
