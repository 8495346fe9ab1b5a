import type { NamedService } from '../config/schema.ts';
import { MITIGATIONS } from '../mitigations/index.ts';
import type { Budget, Mitigation } from '../mitigations/mitigation.ts';

type AnyMitigation = Mitigation<Record<string, unknown>, Record<string, unknown>>;

/** The mitigation of this kind, with its target still to be parsed. */
export function mitigationOf(kind: string): AnyMitigation | null {
  return (MITIGATIONS.find((candidate) => candidate.kind === kind) as AnyMitigation | undefined) ?? null;
}

/** The kinds that one limit bounds together. */
export function kindsOfBudget(budget: Budget): string[] {
  return MITIGATIONS.filter((candidate) => candidate.budget === budget).map(({ kind }) => kind);
}

/** Why a service offers no change of this kind, for people; null when it does. */
export function withheldBecause(kind: string, service: NamedService): string | null {
  const mitigation = mitigationOf(kind);
  if (!mitigation) return `${kind} is not known`;
  const unavailable = mitigation.unavailable(service);
  if (unavailable !== null) return unavailable;
  if (service.mitigations.disabled.includes(kind)) return `${kind} is disabled for this service`;
  // A card without a way to approve would only disappoint whoever asks.
  return service.approvals.approvers.length === 0
    ? 'the bot only looks, approvals.approvers names nobody'
    : null;
}
