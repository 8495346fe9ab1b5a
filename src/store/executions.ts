import type { Db } from './database.ts';
import { COLUMNS, type MitigationRow } from './mitigations.ts';
import { storableJson } from './storable.ts';

// Two claims of one service must not look for each other at the same time.
const LOCK_SERVICE = "select pg_advisory_xact_lock(hashtext('latency-bot:act:' || $1))";
const BUSY = `
  select from mitigations where service = $1 and state = 'executing' and id <> $2`;
// The approvals are its own, or those of the change whose time box is over.
const CLAIM = `
  update mitigations m
  set state = 'executing', version = version + 1, claim = $2, claimed_at = clock_timestamp(),
    alive_at = clock_timestamp()
  where id = $1 and state = 'approved' and approved_until > clock_timestamp()
  and not exists (
    select from mitigations other where other.service = m.service and other.state = 'executing' and other.id <> m.id)
  and greatest(m.quorum, $3) <= (
    select count(*) from approvals a
    join mitigations approved on approved.id = a.mitigation_id and approved.target_hash = a.target_hash
    where approved.id = coalesce(m.covered_by, m.id) and a.decision = 'approve')
  returning ${COLUMNS}`;
const ALIVE = `
  update mitigations set alive_at = clock_timestamp(), progress = coalesce($3, progress)
  where id = $1 and claim = $2 and state = 'executing'
  returning stop_asked_by is not null as "stopAsked"`;
const ASK_STOP = `
  update mitigations set stop_asked_by = $2, stop_asked_at = clock_timestamp()
  where id = $1 and state = 'executing' and stop_asked_by is null
  returning ${COLUMNS}`;
const RECORD_OUTCOME = `
  update mitigations
  set state = $3, version = version + 1, detail = $4, finished_at = clock_timestamp(), did = $6,
    next_check_at = case when $3 = 'succeeded' then clock_timestamp() + $5 * interval '1 millisecond' end,
    next_look_at = case when $3 = 'interrupted' then clock_timestamp() + interval '1 second' end
  where id = $1 and claim = $2 and state in ('executing', 'interrupted')
  returning ${COLUMNS}`;
const STUCK = `
  select ${COLUMNS} from mitigations
  where (state = 'executing' and alive_at < clock_timestamp() - $1 * interval '1 millisecond')
  or (state = 'interrupted' and coalesce(next_look_at, '-infinity') <= clock_timestamp())
  order by id`;
// 2, 4, 8 … 60 s. Of several who looked at once, one counts.
const POSTPONE = `
  update mitigations
  set looks = looks + 1,
    next_look_at = clock_timestamp() + least(60, power(2, least(looks + 1, 6))) * interval '1 second'
  where id = $1 and looks = $2 and state = 'interrupted'`;
const DUE_CHECKS = `
  select ${COLUMNS} from mitigations where state = 'succeeded' and next_check_at <= clock_timestamp() order by id`;
const IS_CHECK_DUE =
  "select from mitigations where id = $1 and state = 'succeeded' and next_check_at <= clock_timestamp()";
const COUNT_CHECK = `
  update mitigations
  set recovery_checks = recovery_checks + 1, next_check_at = clock_timestamp() + $2 * interval '1 millisecond'
  where id = $1 and state = 'succeeded'`;
const SET_NEXT_CHECK = `
  update mitigations set next_check_at = clock_timestamp() + $2 * interval '1 millisecond' where id = $1`;
// A claimed one that failed may still take effect: a session that rolls back much work ends late.
const SPENT = "claim is not null and state <> 'target-changed' and undoes is null";
const COUNT_DONE = `
  select count(*)::int as n from mitigations where incident_id = $1 and kind = any ($2) and ${SPENT}`;
const COUNT_HOUR = `
  select count(*)::int as n from mitigations
  where service = $1 and claimed_at > clock_timestamp() - interval '1 hour' and ${SPENT}`;
const UNDER_WAY = `
  select from mitigations
  where service = $1 and id <> $2 and kind = any ($3) and state in ('executing', 'interrupted')`;

/** Whether another change of this service is being carried out: they take turns. */
export async function isServiceBusy(db: Db, { service, id }: MitigationRow): Promise<boolean> {
  const { rowCount } = await db.query(BUSY, [service, id]);
  return (rowCount ?? 0) > 0;
}

/** Keeps other claims of this service waiting until the transaction ends. */
export async function lockService(db: Db, service: string): Promise<void> {
  await db.query(LOCK_SERVICE, [service]);
}

/** approved → executing, for exactly one caller, while the approval is valid and has the quorum of then and of now. */
export async function claimMitigation(
  db: Db,
  id: number,
  claim: string,
  quorumNow = 1,
): Promise<MitigationRow | null> {
  const { rows } = await db.query<MitigationRow>(CLAIM, [id, claim, quorumNow]);
  return rows[0] ?? null;
}

/** A sign of life, with the newest words of how far it is; null when the claim is not its any more. */
export async function recordAlive(
  db: Db,
  id: number,
  claim: string,
  progress: string | null,
): Promise<{ stopAsked: boolean } | null> {
  const { rows } = await db.query<{ stopAsked: boolean }>(ALIVE, [id, claim, progress]);
  return rows[0] ?? null;
}

/** Notes that somebody wants a running one to stop; null when it does not run, or was asked before. */
export async function askToStop(db: Db, id: number, userId: string): Promise<MitigationRow | null> {
  const { rows } = await db.query<MitigationRow>(ASK_STOP, [id, userId]);
  return rows[0] ?? null;
}

export interface OutcomeRecord {
  state: 'succeeded' | 'failed' | 'target-changed' | 'interrupted';
  detail: string;
  did?: Record<string, unknown> | null;
  /** When the recovery is looked at first; null for never. */
  firstCheckInMs?: number | null;
}

/** Records how an execution ended, for the claim that did it. */
export async function recordOutcome(
  db: Db,
  id: number,
  claim: string,
  { state, detail, did = null, firstCheckInMs = null }: OutcomeRecord,
): Promise<MitigationRow | null> {
  const { rows } = await db.query<MitigationRow>(RECORD_OUTCOME, [
    ...[id, claim, state, detail, firstCheckInMs],
    did && storableJson(did),
  ]);
  return rows[0] ?? null;
}

/** Those whose executor has been silent for so long that it must be gone, and unknown outcomes that are due. */
export async function stuckMitigations(db: Db, silentMs: number): Promise<MitigationRow[]> {
  const { rows } = await db.query<MitigationRow>(STUCK, [silentMs]);
  return rows;
}

/** The outcome is still not known: the next look comes later than the last one did. */
export async function postponeLook(db: Db, { id, looks }: MitigationRow): Promise<void> {
  await db.query(POSTPONE, [id, looks]);
}

/** Executed ones whose recovery has to be looked at now. */
export async function dueRecoveryChecks(db: Db): Promise<MitigationRow[]> {
  const { rows } = await db.query<MitigationRow>(DUE_CHECKS);
  return rows;
}

/** Whether the recovery has to be looked at now. */
export async function isRecoveryCheckDue(db: Db, id: number): Promise<boolean> {
  const { rowCount } = await db.query(IS_CHECK_DUE, [id]);
  return rowCount === 1;
}

/** Counts one recovery check and sets the time of the next. */
export async function countRecoveryCheck(db: Db, id: number, nextInMs: number): Promise<void> {
  await db.query(COUNT_CHECK, [id, nextInMs]);
}

/** Sets when the recovery is looked at next. */
export async function setNextCheck(db: Db, id: number, inMs: number): Promise<void> {
  await db.query(SET_NEXT_CHECK, [id, inMs]);
}

/** How many mitigations of these kinds were carried out in this incident, or tried. */
export async function executedCount(db: Db, incidentId: number, kinds: string[]): Promise<number> {
  const { rows } = await db.query<{ n: number }>(COUNT_DONE, [incidentId, kinds]);
  return rows[0]?.n ?? 0;
}

/** How many mitigations of any kind were carried out for this service in the last hour, or tried. */
export async function executedInHour(db: Db, service: string): Promise<number> {
  const { rows } = await db.query<{ n: number }>(COUNT_HOUR, [service]);
  return rows[0]?.n ?? 0;
}

/** Whether another one of these kinds is being carried out for the service, or may be. */
export async function isUnderWay(db: Db, { service, id }: MitigationRow, kinds: string[]): Promise<boolean> {
  const { rowCount } = await db.query(UNDER_WAY, [service, id, kinds]);
  return (rowCount ?? 0) > 0;
}
