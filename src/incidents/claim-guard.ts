import type { NamedService } from '../config/schema.ts';
import type { Db } from '../store/database.ts';
import { freezeAtClaim } from '../store/freeze.ts';
import { approvalsOf, type MitigationRow } from '../store/mitigations.ts';
import type { IncidentDeps, Person } from './deps.ts';
import { approvalHolds, groupsOfPolicy, quorumNow } from './policy.ts';

/** Why an approved mitigation is not carried out after all: a sentence for people, and what the audit log keeps. */
export interface ClaimRefusal {
  reason: string;
  because: Record<string, unknown>;
}

/** Whether everybody who approved may still approve; asked right before the claim. */
export async function approverRefusal(
  deps: IncidentDeps,
  row: MitigationRow,
  service: NamedService,
): Promise<ClaimRefusal | null> {
  for (const { userId, decision, via } of await approvalsOf(deps.db, row.coveredBy ?? row.id)) {
    if (decision !== 'approve') continue;
    // The terminal is for when Slack is away: its people are known by the configuration alone.
    const person =
      via === 'terminal' ? terminalPerson(service, userId) : await slackPerson(deps, service, userId);
    if (person && approvalHolds(service.approvals, person, row)) continue;
    const reason = person
      ? 'an approver lost the right to approve before it started; nothing was done'
      : 'the right of an approver could not be checked; nothing was done';
    return { reason, because: { approver: userId } };
  }
  return null;
}

/** Whether a freeze holds: it forbids even what is covered by an earlier approval. */
export async function freezeRefusal(db: Db): Promise<ClaimRefusal | null> {
  const freeze = await freezeAtClaim(db);
  if (!freeze) return null;
  const reason = 'changes were frozen before it started; nothing was done';
  return { reason, because: { because: 'frozen', freeze: freeze.id } };
}

/**
 * Whether a freeze, or the configuration of now, forbids what was approved. Part of the claim's transaction: a freeze
 * waits for claims under way, and whatever is claimed after it sees it.
 */
export async function claimRefusal(
  db: Db,
  row: MitigationRow,
  service: NamedService,
): Promise<ClaimRefusal | null> {
  const frozen = await freezeRefusal(db);
  if (frozen) return frozen;
  if (service.mitigations.disabled.includes(row.kind)) {
    const reason = `${row.kind} was disabled for this service before it started; nothing was done`;
    return { reason, because: { because: 'configuration' } };
  }
  const needed = Math.max(row.quorum, quorumNow(service.approvals, row));
  const given = (await approvalsOf(db, row.coveredBy ?? row.id)).filter(
    ({ decision }) => decision === 'approve',
  ).length;
  if (given >= needed) return null;
  const reason = `it has ${given} of the ${needed} approvals that are needed now; nothing was done`;
  return { reason, because: { because: 'configuration' } };
}

/** Somebody as the configuration alone knows them: named by id with a secret, in no user group. */
export function terminalPerson(service: NamedService, userId: string): Person {
  const named = Object.hasOwn(service.approvals.terminal, userId);
  return { userId, fullMember: named, groups: [] };
}

async function slackPerson(
  deps: IncidentDeps,
  service: NamedService,
  userId: string,
): Promise<Person | null> {
  return deps.people.lookUp(userId, groupsOfPolicy(service.approvals)).catch((err) => {
    deps.log.warn({ err, slackUserId: userId }, 'looking up an approver before acting');
    return null;
  });
}
