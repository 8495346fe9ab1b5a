import type { NamedService } from '../config/schema.ts';
import type { Triage } from './triage.ts';

/** The result of a run as the fixed JSON that `latency-bot diagnose` prints; fields are only ever added. */
export function diagnoseJson(service: Pick<NamedService, 'id'>, triage: Triage) {
  const { startedAt, durationMs, outcomes, diagnosis } = triage;
  return {
    schema: 1 as const,
    service: service.id,
    startedAt,
    durationMs,
    severity: diagnosis.severity,
    scope: diagnosis.scope,
    ledger: diagnosis.ledger.entries,
    causes: diagnosis.causes.map((cause) => ({
      id: cause.id,
      status: cause.status,
      share: cause.share,
      confidence: cause.confidence,
      summary: cause.summary,
      // What speaks against a cause is the evidence of ruling it out.
      evidence: cause.status === 'ruled-out' ? cause.against : cause.evidence,
      ...(cause.consequenceOf !== undefined && { consequenceOf: cause.consequenceOf }),
      mitigations: cause.mitigations.map(({ kind, target, risk, dryRun }) => ({
        kind,
        target,
        risk,
        dryRun,
      })),
    })),
    probes: outcomes.map((outcome) => ({
      id: outcome.probeId,
      step: outcome.step,
      status: outcome.status,
      durationMs: outcome.durationMs,
      ...(outcome.status !== 'answered' && { reason: outcome.reason }),
    })),
  };
}
