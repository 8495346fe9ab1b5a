import type { NamedService } from '../config/schema.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import { appendAudit } from '../store/audit.ts';
import type { Db } from '../store/database.ts';
import { setNextCheck } from '../store/executions.ts';
import { changeIncidentState } from '../store/incidents.ts';
import { findMitigation, type MitigationRow, moveMitigation } from '../store/mitigations.ts';
import type { Run } from '../store/runs.ts';
import { addTimeline, touchIncident } from '../store/timeline.ts';

/** Requests that were held up still finish slowly for a while: look several times before saying "not recovered". */
export const RECOVERY_CHECKS = 7;
export const RECOVERY_CHECK_INTERVAL_MS = 5_000;

/** Decides what a recovery run means for its mitigation: verified, not recovered, or null, which is to look again. */
export async function judgeRecovery(
  db: Db,
  run: Run,
  diagnosis: Diagnosis,
  service: NamedService,
): Promise<'verified' | 'not-recovered' | null> {
  const mitigation = run.mitigationId === null ? null : await findMitigation(db, run.mitigationId);
  if (mitigation?.state !== 'succeeded') return null;
  const p95Ms = diagnosis.scope.p95Ms;
  if (isHealthSeen(diagnosis, mitigation.causeId, service)) {
    return settle(db, mitigation, 'verified', run, p95Ms);
  }
  if (mitigation.recoveryChecks >= RECOVERY_CHECKS)
    return settle(db, mitigation, 'not-recovered', run, p95Ms);
  await setNextCheck(db, mitigation.id, RECOVERY_CHECK_INTERVAL_MS);
  await touchIncident(db, mitigation.incidentId);
  return null;
}

/** Health has to be seen: what could not be looked at, or was not measured, proves no recovery. */
function isHealthSeen(diagnosis: Diagnosis, causeId: string, service: NamedService): boolean {
  const { p95Ms, errorRate, queueMs } = diagnosis.scope;
  const causeIsGone = diagnosis.causes.some(({ id, status }) => id === causeId && status === 'ruled-out');
  const isQuick = p95Ms !== null && p95Ms + (queueMs ?? 0) <= service.thresholds.baselineP95Ms;
  // Requests that fail at once are quick too.
  return causeIsGone && isQuick && (errorRate ?? 0) <= service.thresholds.unhealthyErrorRatio;
}

async function settle(
  db: Db,
  mitigation: MitigationRow,
  state: 'verified' | 'not-recovered',
  run: Run,
  p95Ms: number | null,
): Promise<'verified' | 'not-recovered' | null> {
  const moved = await moveMitigation(db, mitigation.id, ['succeeded'], state);
  if (!moved) return null;
  if (state === 'verified') {
    await changeIncidentState(db, mitigation.incidentId, ['investigating'], 'monitoring', null);
  }
  await addTimeline(
    db,
    mitigation.incidentId,
    state === 'verified' ? 'recovered' : 'not-recovered',
    'latency-bot',
    // A null p95 says that the latency could not be measured, not that it is high.
    { mitigationId: mitigation.id, runId: run.id, p95Ms },
  );
  await appendAudit(db, {
    actor: 'latency-bot',
    kind: `mitigation.${state}`,
    subject: `mitigation:${mitigation.id}`,
    body: { incident: mitigation.incidentId, run: run.id },
  });
  return state;
}
