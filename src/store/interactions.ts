import type { Db } from './database.ts';
import { storableJson } from './storable.ts';

const FIND = 'select answer from interactions where id = $1';
// Slack delivers again within minutes; a day is more than enough. Others may be clearing the same rows.
const KEEP = `
  with old as (
    select id from interactions where at < clock_timestamp() - interval '1 day' limit 100 for update skip locked
  ), cleared as (
    delete from interactions where id in (select id from old)
  )
  insert into interactions (id, answer) values ($1, $2) on conflict do nothing`;

/** What the first delivery of this click was answered, or null. Look under the lock of what the click is about. */
export async function earlierAnswer<Answer>(db: Db, id: string): Promise<Answer | null> {
  const { rows } = await db.query<{ answer: Answer }>(FIND, [id]);
  return rows[0]?.answer ?? null;
}

/**
 * Whether an event of Slack comes for the first time: it delivers one again over another connection, after a lost answer,
 * or to the next process. What was noted and then not done, because the process died, is not done later either.
 */
export async function isFirstDelivery(db: Db, eventId: string): Promise<boolean> {
  const { rowCount } = await db.query(KEEP, [`event:${eventId}`, '{}']);
  return rowCount === 1;
}

/** Keeps the answer to a click, in the transaction of what the click did. */
export async function keepAnswer(db: Db, id: string, answer: Record<string, unknown>): Promise<void> {
  await db.query(KEEP, [id, storableJson(answer)]);
}
