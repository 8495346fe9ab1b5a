import type { Db } from './database.ts';
import { COLUMNS, type MitigationRow } from './mitigations.ts';
import { storableJson } from './storable.ts';

/** A change that can be taken back, and what takes it back. */
export interface UndoRow {
  id: number;
  incidentId: number;
  /** The mitigation that changed it. */
  mitigationId: number;
  service: string;
  /** What was changed, in the words of its offer. */
  changed: string;
  doneBy: string | null;
  doneAt: Date;
  kind: string;
  title: string;
  risk: MitigationRow['risk'];
  target: Record<string, unknown>;
  targetHash: string;
  dryRun: Record<string, unknown>;
  /** When it is taken back without being asked for; null when only a person does it. */
  undoAt: Date | null;
  closedAt: Date | null;
  /** The mitigation that took it back. */
  closedBy: number | null;
}

const UNDO = `
  id, incident_id as "incidentId", mitigation_id as "mitigationId", service, changed, done_by as "doneBy",
  done_at as "doneAt", kind, title, risk, target, target_hash as "targetHash", dry_run as "dryRun",
  undo_at as "undoAt", closed_at as "closedAt", closed_by as "closedBy"`;

const INSERT = `
  insert into undos (
    incident_id, mitigation_id, service, changed, done_by, kind, title, risk, target, target_hash, dry_run, undo_at)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::timestamptz)
  on conflict (mitigation_id) do nothing`;
const OPEN = `
  select ${UNDO} from undos
  where closed_at is null and ($1::bigint is null or incident_id = $1)
  order by id`;
// Whoever does the same without having been offered it has taken it back, too.
const CLOSE = `
  update undos set closed_at = clock_timestamp(), closed_by = $1
  where closed_at is null and (id = $2 or (service = $3 and target_hash = $4))
  returning ${UNDO}`;
const DUE = `
  select ${UNDO} from undos
  where closed_at is null and undo_at <= clock_timestamp()
  and coalesce(next_try_at, '-infinity') <= clock_timestamp()
  and not exists (
    select from mitigations m
    where m.undoes = undos.id and m.state in ('approved', 'executing', 'interrupted'))
  order by id`;
// 30, 60, 120 … 600 s, should it not work at once.
const COUNT_TRY = `
  update undos
  set tries = tries + 1,
    next_try_at = clock_timestamp() + least(600, 30 * power(2, least(tries, 5))) * interval '1 second'
  where id = $1 and closed_at is null and undo_at <= clock_timestamp()
  and coalesce(next_try_at, '-infinity') <= clock_timestamp()`;
const BY_HAND = 'update undos set undo_at = null where id = $1';
const PROPOSE = `
  insert into mitigations (
    incident_id, run_id, service, cause_id, kind, title, risk, target, target_hash, dry_run, undoes)
  select u.incident_id, m.run_id, u.service, m.cause_id, u.kind, u.title, u.risk, u.target, u.target_hash, $2, u.id
  from undos u
  join mitigations m on m.id = u.mitigation_id
  where u.id = $1 and u.closed_at is null
  on conflict (incident_id, target_hash) where state in ('proposed', 'requested', 'approved', 'executing')
  do update set undoes = excluded.undoes
  returning ${COLUMNS}`;
const WITHDRAW = `
  update mitigations set state = 'withdrawn', version = version + 1, detail = $2
  where undoes = $1 and state in ('proposed', 'requested')`;
const INSERT_COVERED = `
  insert into mitigations (
    incident_id, run_id, service, cause_id, kind, title, risk, target, target_hash, dry_run, undoes, covered_by,
    state, quorum, requested_by, requested_at, reason, approved_at, approved_until)
  select u.incident_id, m.run_id, u.service, m.cause_id, u.kind, u.title, u.risk, u.target, u.target_hash, u.dry_run,
    u.id, m.id, 'approved', m.quorum, m.requested_by, clock_timestamp(), $3, m.approved_at,
    clock_timestamp() + $2 * interval '1 millisecond'
  from undos u
  join mitigations m on m.id = u.mitigation_id
  where u.id = $1 and u.closed_at is null and u.undo_at <= clock_timestamp()
  on conflict (incident_id, target_hash) where state in ('proposed', 'requested', 'approved', 'executing') do nothing
  returning ${COLUMNS}`;

export type NewUndo = Omit<UndoRow, 'id' | 'doneAt' | 'undoAt' | 'closedAt' | 'closedBy'> & {
  undoAt: string | null;
};

/** Opens the undo of a mitigation, once. */
export async function insertUndo(db: Db, undo: NewUndo): Promise<void> {
  await db.query(INSERT, [
    ...[undo.incidentId, undo.mitigationId, undo.service, undo.changed, undo.doneBy],
    ...[undo.kind, undo.title, undo.risk, storableJson(undo.target), undo.targetHash],
    ...[storableJson(undo.dryRun), undo.undoAt],
  ]);
}

/** What was changed and not yet taken back, in one incident or in all, also in those that are over. */
export async function openUndos(db: Db, incidentId?: number): Promise<UndoRow[]> {
  const { rows } = await db.query<UndoRow>(OPEN, [incidentId ?? null]);
  return rows;
}

export async function findUndo(db: Db, id: number): Promise<UndoRow | null> {
  const { rows } = await db.query<UndoRow>(`select ${UNDO} from undos where id = $1`, [id]);
  return rows[0] ?? null;
}

/** Closes the undos that this mitigation carried out. */
export async function closeUndos(db: Db, row: MitigationRow): Promise<UndoRow[]> {
  const { rows } = await db.query<UndoRow>(CLOSE, [row.id, row.undoes, row.service, row.targetHash]);
  return rows;
}

/** Time boxes that are over, by the store's clock, while nothing takes them back. */
export async function dueUndos(db: Db): Promise<UndoRow[]> {
  const { rows } = await db.query<UndoRow>(DUE);
  return rows;
}

/** Counts one try to take it back in time; false when another process has just done so. */
export async function countUndoTry(db: Db, id: number): Promise<boolean> {
  const { rowCount } = await db.query(COUNT_TRY, [id]);
  return rowCount === 1;
}

/** From now on only a person takes it back. */
export async function leaveUndoToPeople(db: Db, id: number): Promise<void> {
  await db.query(BY_HAND, [id]);
}

/** An offer to take it back, which needs its own request and approval; null when it is closed. */
export async function proposeUndoOf(
  db: Db,
  id: number,
  dryRun: Record<string, unknown>,
): Promise<MitigationRow | null> {
  const { rows } = await db.query<MitigationRow>(PROPOSE, [id, storableJson(dryRun)]);
  return rows[0] ?? null;
}

/** A time box is over: the undo as a mitigation that the approval of the change covers; null when it is closed. */
export async function insertCoveredUndo(
  db: Db,
  id: number,
  expiryMs: number,
  reason: string,
): Promise<MitigationRow | null> {
  await db.query(WITHDRAW, [id, reason]);
  const { rows } = await db.query<MitigationRow>(INSERT_COVERED, [id, expiryMs, reason]);
  return rows[0] ?? null;
}
