import type { Risk } from '../config/approvals.ts';
import type { ApprovalPolicyConfig } from '../config/schema.ts';
import type { Limited } from '../mitigations/budget-words.ts';
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
  | { refused: 'budget-used'; what: Limited; limit: number }
  | { refused: 'already-decided-by-you' }
  | { refused: 'out-of-date'; state: MitigationState; by: string | null }
  | { refused: 'expired' }
  | { refused: 'target-changed'; reason: string }
  | { refused: 'not-found' }
  | { refused: 'incident-over' }
  | { refused: 'already-running' }
  | { refused: 'frozen'; by: string; reason: string }
  | { refused: 'already-frozen'; by: string; reason: string }
  | { refused: 'not-frozen' }
  | { refused: 'not-alone'; allowed: string[] }
  | { refused: 'alone-used'; limit: number }
  | { refused: 'reason-too-short'; atLeast: number };

/** What an emergency has to be put in words with, at least. */
export const BREAK_GLASS_REASON_LENGTH = 10;

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
  { requestedBy, risk }: { requestedBy: string | null; risk: Risk },
): Refusal | null {
  if (!person.fullMember) return { refused: 'not-a-member' };
  const own = person.userId === requestedBy;
  // Taking back one's own request is harmless, approving it is not.
  if (own && decision === 'deny') return null;
  if (!isListed(policy.approvers, person)) return { refused: 'not-an-approver', allowed: policy.approvers };
  if (own && !policy.requesterMayApprove[risk]) return { refused: 'own-request' };
  return null;
}

/** Whether this person may act without anybody's approval. User groups do not count: it is for people by name. */
export function mayActAlone(policy: ApprovalPolicyConfig, person: Person): Refusal | null {
  if (!person.fullMember) return { refused: 'not-a-member' };
  const { users, maxPerIncident } = policy.breakGlass;
  if (maxPerIncident === 0 || !users.includes(person.userId)) return { refused: 'not-alone', allowed: users };
  return null;
}

/** Whether what this person approved, alone or as one of several, still counts. */
export function approvalHolds(
  policy: ApprovalPolicyConfig,
  person: Person,
  row: { requestedBy: string | null; risk: Risk; breakGlass: boolean },
): boolean {
  if (row.breakGlass) return mayActAlone(policy, person) === null;
  return mayDecide(policy, person, 'approve', row) === null;
}

/** How many different people have to approve a change of this risk now. */
export function quorumNow(policy: ApprovalPolicyConfig, row: { risk: Risk; breakGlass?: boolean }): number {
  return row.breakGlass ? 1 : policy.quorum[row.risk];
}

/** Whether this person may stop all changes: whoever may ask for or approve one, of any service. */
export function mayFreeze(policies: ApprovalPolicyConfig[], person: Person): Refusal | null {
  if (!person.fullMember) return { refused: 'not-a-member' };
  const allowed = policies.some(
    (policy) => mayRequest(policy, person) === null || isListed(policy.approvers, person),
  );
  return allowed
    ? null
    : { refused: 'not-a-requester', allowed: listed(policies, ({ requesters }) => requesters) };
}

/** Whether this person may end a freeze: whoever may approve changes, of any service. */
export function mayUnfreeze(policies: ApprovalPolicyConfig[], person: Person): Refusal | null {
  if (!person.fullMember) return { refused: 'not-a-member' };
  const allowed = policies.some((policy) => isListed(policy.approvers, person));
  return allowed
    ? null
    : { refused: 'not-an-approver', allowed: listed(policies, ({ approvers }) => approvers) };
}

/** The user groups that a policy names, for the look-up of a person. */
export function groupsOfPolicy(policy: ApprovalPolicyConfig): string[] {
  return listed([policy], ({ requesters, approvers }) => [...requesters, ...approvers]).filter((id) =>
    id.startsWith('S'),
  );
}

function listed(policies: ApprovalPolicyConfig[], of: (policy: ApprovalPolicyConfig) => string[]): string[] {
  return [...new Set(policies.flatMap(of))];
}

function isListed(list: string[], person: Person): boolean {
  return list.includes(person.userId) || person.groups.some((group) => list.includes(group));
}
