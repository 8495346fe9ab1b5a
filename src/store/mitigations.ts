import type { Db } from './database.ts';
import { storableJson } from './storable.ts';

export type MitigationState =
  | 'proposed'
  | 'withdrawn'
  | 'requested'
  | 'denied'
  | 'expired'
  | 'approved'
  | 'executing'
  | 'succeeded'
  | 'failed'
  | 'target-changed'
  | 'interrupted'
  | 'verified'
  | 'not-recovered';

/** A change on offer, and all that happened to it. What was shown is what is stored here. */
export interface MitigationRow {
  id: number;
  incidentId: number;
  runId: number;
  service: string;
  causeId: string;
  kind: string;
  title: string;
  risk: 'low' | 'medium' | 'high';
  target: Record<string, unknown>;
  targetHash: string;
  dryRun: Record<string, unknown>;
  state: MitigationState;
  version: number;
  quorum: number;
  requestedBy: string | null;
  requestedAt: Date | null;
  reason: string | null;
  expiresAt: Date | null;
  approvedAt: Date | null;
  approvedUntil: Date | null;
  claim: string | null;
  claimedAt: Date | null;
  finishedAt: Date | null;
  detail: string | null;
  recoveryChecks: number;
  nextCheckAt: Date | null;
  createdAt: Date;
  /** Last sign of life of whoever carries it out. */
  aliveAt: Date | null;
  /** How far a long execution is, in plain words. */
  progress: string | null;
  stopAskedBy: string | null;
  stopAskedAt: Date | null;
  /** What was really done, for taking it back. */
  did: Record<string, unknown> | null;
  /** How often an unknown outcome was looked at in vain. */
  looks: number;
  nextLookAt: Date | null;
  /** The undo that this one carries out. */
  undoes: number | null;
  /** Carried out by one person alone, in an emergency. */
  breakGlass: boolean;
  /** The mitigation whose approval, with its time box, covers this one. */
  coveredBy: number | null;
}

export interface ApprovalRow {
  userId: string;
  decision: 'approve' | 'deny';
  /** Where it was given. */
  via: 'slack' | 'terminal';
  decidedAt: Date;
}

/** A mitigation as the store's functions return it. */
export const COLUMNS = `
  id, incident_id as "incidentId", run_id as "runId", service, cause_id as "causeId", kind, title, risk, target,
  target_hash as "targetHash", dry_run as "dryRun", state, version, quorum, requested_by as "requestedBy",
  requested_at as "requestedAt", reason, expires_at as "expiresAt", approved_at as "approvedAt",
  approved_until as "approvedUntil", claim, claimed_at as "claimedAt", finished_at as "finishedAt", detail,
  recovery_checks as "recoveryChecks", next_check_at as "nextCheckAt", created_at as "createdAt",
  alive_at as "aliveAt", progress, stop_asked_by as "stopAskedBy", stop_asked_at as "stopAskedAt", did, looks,
  next_look_at as "nextLookAt", undoes, covered_by as "coveredBy",
  break_glass as "breakGlass"`;

const PROPOSE = `
  insert into mitigations (incident_id, run_id, service, cause_id, kind, title, risk, target, target_hash, dry_run)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
  on conflict (incident_id, target_hash) where state in ('proposed', 'requested', 'approved', 'executing')
  do update set
    run_id = case when mitigations.state = 'proposed' then excluded.run_id else mitigations.run_id end,
    title = case when mitigations.state = 'proposed' then excluded.title else mitigations.title end,
    target = case when mitigations.state = 'proposed' then excluded.target else mitigations.target end,
    dry_run = case when mitigations.state = 'proposed' then excluded.dry_run else mitigations.dry_run end`;
const WITHDRAW_OTHERS = `
  update mitigations set state = 'withdrawn', version = version + 1
  where incident_id = $1 and state = 'proposed' and undoes is null and target_hash <> all ($2)`;
const REQUEST = `
  update mitigations
  set state = 'requested', version = version + 1, requested_by = $3, requested_at = clock_timestamp(), reason = $4,
    quorum = $5, expires_at = clock_timestamp() + $6 * interval '1 millisecond', dry_run = $7
  where id = $1 and state = 'proposed' and version = $2
  returning ${COLUMNS}`;
// Distinct people only: one row per user. A second opinion of the same person changes nothing.
const ADD_APPROVAL = `
  insert into approvals (mitigation_id, user_id, decision, version, target_hash, via)
  values ($1, $2, $3, $4, $5, $6)
  on conflict do nothing`;
// The store's clock alone decides what is expired.
const LOCK_REQUESTED = `
  select ${COLUMNS}, expires_at <= clock_timestamp() as expired from mitigations where id = $1 for update`;
const APPROVE = `
  update mitigations
  set state = 'approved', version = version + 1, approved_at = clock_timestamp(),
    approved_until = clock_timestamp() + $2 * interval '1 millisecond'
  where id = $1 and state = 'requested' and expires_at > clock_timestamp()
  and quorum <= (select count(*) from approvals where mitigation_id = $1 and decision = 'approve')
  returning ${COLUMNS}`;
const MOVE = `
  update mitigations set state = $3, version = version + 1, detail = coalesce($4, detail)
  where id = $1 and state = any ($2)
  returning ${COLUMNS}`;
const IS_OVER = `
  ((state = 'requested' and expires_at <= clock_timestamp())
  or (state = 'approved' and approved_until <= clock_timestamp()))`;
const OVER = `select ${COLUMNS} from mitigations where ${IS_OVER} order by id`;
const EXPIRE = `
  update mitigations set state = 'expired', version = version + 1,
    detail = case when state = 'approved' then 'approved, but not started in time' else 'nobody approved in time' end
  where id = $1 and ${IS_OVER}
  returning ${COLUMNS}`;
export type NewMitigation = Pick<
  MitigationRow,
  | 'incidentId'
  | 'runId'
  | 'service'
  | 'causeId'
  | 'kind'
  | 'title'
  | 'risk'
  | 'target'
  | 'targetHash'
  | 'dryRun'
>;

/** Offers what a diagnosis proposed and takes back offers that it did not repeat. */
export async function replaceProposals(
  db: Db,
  incidentId: number,
  proposals: NewMitigation[],
): Promise<void> {
  await db.query(WITHDRAW_OTHERS, [incidentId, proposals.map((p) => p.targetHash)]);
  for (const p of proposals) {
    await db.query(PROPOSE, [
      p.incidentId,
      p.runId,
      p.service,
      p.causeId,
      p.kind,
      p.title,
      p.risk,
      storableJson(p.target),
      p.targetHash,
      storableJson(p.dryRun),
    ]);
  }
}

export async function findMitigation(db: Db, id: number): Promise<MitigationRow | null> {
  const { rows } = await db.query<MitigationRow>(`select ${COLUMNS} from mitigations where id = $1`, [id]);
  return rows[0] ?? null;
}

export async function mitigationsOf(db: Db, incidentId: number): Promise<MitigationRow[]> {
  const { rows } = await db.query<MitigationRow>(
    `select ${COLUMNS} from mitigations where incident_id = $1 order by id`,
    [incidentId],
  );
  return rows;
}

export async function approvalsOf(db: Db, mitigationId: number): Promise<ApprovalRow[]> {
  const { rows } = await db.query<ApprovalRow>(
    'select user_id as "userId", decision, via, decided_at as "decidedAt" from approvals where mitigation_id = $1 order by decided_at',
    [mitigationId],
  );
  return rows;
}

/** proposed → requested, on the version that was shown. */
export async function markRequested(
  db: Db,
  id: number,
  version: number,
  values: { by: string; reason: string; quorum: number; expiryMs: number; dryRun: Record<string, unknown> },
): Promise<MitigationRow | null> {
  const { rows } = await db.query<MitigationRow>(REQUEST, [
    id,
    version,
    values.by,
    values.reason,
    values.quorum,
    values.expiryMs,
    storableJson(values.dryRun),
  ]);
  return rows[0] ?? null;
}

/** Locks the row for a decision; `expired` is the store's judgement. */
export async function lockMitigation(
  db: Db,
  id: number,
): Promise<(MitigationRow & { expired: boolean | null }) | null> {
  const { rows } = await db.query<MitigationRow & { expired: boolean | null }>(LOCK_REQUESTED, [id]);
  return rows[0] ?? null;
}

/** One opinion per person; false when this person had already decided. */
export async function addApproval(
  db: Db,
  mitigation: MitigationRow,
  userId: string,
  decision: 'approve' | 'deny',
  via: 'slack' | 'terminal' = 'slack',
): Promise<boolean> {
  const { rowCount } = await db.query(ADD_APPROVAL, [
    mitigation.id,
    userId,
    decision,
    mitigation.version,
    mitigation.targetHash,
    via,
  ]);
  return rowCount === 1;
}

/** requested → approved once the quorum is there; null while it is not. */
export async function markApproved(
  db: Db,
  id: number,
  executionExpiryMs: number,
): Promise<MitigationRow | null> {
  const { rows } = await db.query<MitigationRow>(APPROVE, [id, executionExpiryMs]);
  return rows[0] ?? null;
}

/** Compare-and-set of the state; null when it was in none of `from`. */
export async function moveMitigation(
  db: Db,
  id: number,
  from: MitigationState[],
  to: MitigationState,
  detail: string | null = null,
): Promise<MitigationRow | null> {
  const { rows } = await db.query<MitigationRow>(MOVE, [id, from, to, detail]);
  return rows[0] ?? null;
}

/** Requests and approvals whose time is over, by the store's clock. */
export async function overdueMitigations(db: Db): Promise<MitigationRow[]> {
  const { rows } = await db.query<MitigationRow>(OVER);
  return rows;
}

/** Ends a request or an approval whose time is over; null when it is not, or not any more. */
export async function expireMitigation(db: Db, id: number): Promise<MitigationRow | null> {
  const { rows } = await db.query<MitigationRow>(EXPIRE, [id]);
  return rows[0] ?? null;
}

export async function approvedMitigations(db: Db): Promise<MitigationRow[]> {
  const { rows } = await db.query<MitigationRow>(
    `select ${COLUMNS} from mitigations where state = 'approved' order by id`,
  );
  return rows;
}
