import type { ApprovalPolicyConfig } from '../config/schema.ts';
import type { MitigationState } from '../store/mitigations.ts';
import type { Person } from './deps.ts';

/** Why something was not done. A refusal is an answer, not a failure; blocks/ words it. */
export type Refusal =
  | { refused: 'not-a-member' }
  | { refused: 'not-a-requester'; allowed: string[] }
  | { refused: 'not-an-approver'; allowed: string[] }
  | { refused: 'own-request' }
  | { refused: 'people-unknown' }
  | { refused: 'look-only' }
  | { refused: 'budget-used'; limit: number }
  | { refused: 'already-decided-by-you' }
  | { refused: 'out-of-date'; state: MitigationState; by: string | null }
  | { refused: 'expired' }
  | { refused: 'target-changed'; reason: string }
  | { refused: 'not-found' }
  | { refused: 'incident-over' }
  | { refused: 'already-running' };

/** Whether this person may ask for a mitigation. An empty list allows every full member. */
export function mayRequest(policy: ApprovalPolicyConfig, person: Person): Refusal | null {
  if (!person.fullMember) return { refused: 'not-a-member' };
  if (policy.requesters.length > 0 && !isListed(policy.requesters, person)) {
    return { refused: 'not-a-requester', allowed: policy.requesters };
  }
  return null;
}

/** Whether this person may approve or deny what `requestedBy` asked for. An empty list allows nobody. */
export function mayDecide(
  policy: ApprovalPolicyConfig,
  person: Person,
  decision: 'approve' | 'deny',
  requestedBy: string | null,
): Refusal | null {
  if (!person.fullMember) return { refused: 'not-a-member' };
  const own = person.userId === requestedBy;
  // Taking back one's own request is harmless, approving it is not.
  if (own && decision === 'deny') return null;
  if (!isListed(policy.approvers, person)) return { refused: 'not-an-approver', allowed: policy.approvers };
  if (own && !policy.requesterMayApprove) return { refused: 'own-request' };
  return null;
}

/** The user groups that a policy names, for the look-up of a person. */
export function groupsOfPolicy(policy: ApprovalPolicyConfig): string[] {
  return [...new Set([...policy.requesters, ...policy.approvers])].filter((id) => id.startsWith('S'));
}

function isListed(list: string[], person: Person): boolean {
  return list.includes(person.userId) || person.groups.some((group) => list.includes(group));
}
