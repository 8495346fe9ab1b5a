import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { NamedService } from '../config/schema.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import type { NewMitigation } from '../store/mitigations.ts';
import type { Run } from '../store/runs.ts';

/**
 * What an approval is bound to: the kind and the exact target that was shown. Its age is no part of that: the same
 * target, looked at again, is the same offer.
 */
export function targetHash(kind: string, target: Record<string, unknown>): string {
  const { ageMs: _age, ...identity } = target;
  return createHash('sha256')
    .update(canonicalize({ kind, target: identity }) ?? '')
    .digest('hex');
}

/** The offers of a diagnosis, as rows to store. Nothing is offered where the service is look-only. */
export function proposalsOf(run: Run, diagnosis: Diagnosis, service: NamedService): NewMitigation[] {
  if (diagnosis.verdict !== 'cause-found' || !service.targets.postgres?.actionUrl) return [];
  return diagnosis.causes
    .filter((cause) => cause.status === 'found' && cause.consequenceOf === undefined)
    .flatMap((cause) => cause.mitigations.map((proposal) => ({ cause, proposal })))
    .filter(({ proposal }) => !service.mitigations.disabled.includes(proposal.kind))
    .map(({ cause, proposal }) => ({
      incidentId: run.incidentId,
      runId: run.id,
      service: run.service,
      causeId: cause.id,
      ...proposal,
      targetHash: targetHash(proposal.kind, proposal.target),
    }));
}
