import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { NamedService } from '../config/schema.ts';
import type { Cause, Diagnosis } from '../diagnosis/diagnosis.ts';
import type { NewMitigation } from '../store/mitigations.ts';
import type { Run } from '../store/runs.ts';
import { withheldBecause } from './kinds.ts';

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

/** The diagnosis with those changes alone that the service can have; for the others the advice says why. */
export function onlyOfferable(diagnosis: Diagnosis, service: NamedService): Diagnosis {
  return { ...diagnosis, causes: diagnosis.causes.map((cause) => withoutWithheld(cause, service)) };
}

function withoutWithheld(cause: Cause, service: NamedService): Cause {
  const withheld = new Map<string, string[]>();
  const mitigations = cause.mitigations.filter(({ kind, title }) => {
    const because = withheldBecause(kind, service);
    if (because !== null) withheld.set(because, [...(withheld.get(because) ?? []), `"${title}"`]);
    return because === null;
  });
  const words = [...withheld].map(([because, titles]) => `No button for ${titles.join(', ')}: ${because}.`);
  return { ...cause, mitigations, advice: [...words, ...cause.advice] };
}

/** The offers of a diagnosis that holds only what the service can have, as rows to store. */
export function proposalsOf(run: Run, diagnosis: Diagnosis): NewMitigation[] {
  if (diagnosis.verdict !== 'cause-found') return [];
  return diagnosis.causes
    .filter((cause) => cause.status === 'found' && cause.consequenceOf === undefined)
    .flatMap((cause) => cause.mitigations.map((proposal) => ({ cause, proposal })))
    .map(({ cause, proposal }) => ({
      incidentId: run.incidentId,
      runId: run.id,
      service: run.service,
      causeId: cause.id,
      ...proposal,
      targetHash: targetHash(proposal.kind, proposal.target),
    }));
}
