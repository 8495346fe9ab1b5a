import type { Db } from './database.ts';

/** The global stop while it holds. */
export interface Freeze {
  id: number;
  by: string;
  reason: string;
  at: Date;
}

const COLUMNS = 'id, frozen_by as "by", reason, frozen_at as "at"';
const ACTIVE = `select ${COLUMNS} from freezes where lifted_at is null`;
// A claim holds this lock shared until it is committed: who has frozen knows that whatever was claimed is visible.
const CLAIM_LOCK = "select pg_advisory_xact_lock_shared(hashtext('latency-bot:freeze'))";
const FREEZE_LOCK = "select pg_advisory_xact_lock(hashtext('latency-bot:freeze'))";
const INSERT = `
  insert into freezes (frozen_by, reason) values ($1, $2)
  on conflict ((true)) where lifted_at is null do nothing
  returning ${COLUMNS}`;
const LIFT = `
  update freezes set lifted_by = $1, lifted_at = clock_timestamp() where lifted_at is null
  returning ${COLUMNS}`;

/** The incidents whose cards have to say it. */
export async function openIncidentIds(db: Db): Promise<number[]> {
  const { rows } = await db.query<{ id: number }>(
    "select id from incidents where state <> 'resolved' order by id",
  );
  return rows.map(({ id }) => id);
}

/** The freeze that holds now, or null. */
export async function freezeState(db: Db): Promise<Freeze | null> {
  const { rows } = await db.query<Freeze>(ACTIVE);
  return rows[0] ?? null;
}

/** The same inside the transaction of a claim: no freeze comes between this look and the commit. */
export async function freezeAtClaim(db: Db): Promise<Freeze | null> {
  await db.query(CLAIM_LOCK);
  return freezeState(db);
}

/** Freezes; null when it is frozen already. Waits for claims under way. */
export async function insertFreeze(db: Db, by: string, reason: string): Promise<Freeze | null> {
  await db.query(FREEZE_LOCK);
  const { rows } = await db.query<Freeze>(INSERT, [by, reason]);
  return rows[0] ?? null;
}

/** Lifts the freeze that holds; null when there is none. */
export async function liftFreeze(db: Db, by: string): Promise<Freeze | null> {
  await db.query(FREEZE_LOCK);
  const { rows } = await db.query<Freeze>(LIFT, [by]);
  return rows[0] ?? null;
}
