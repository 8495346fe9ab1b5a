import type { Db } from './database.ts';

const OF_CHANNEL = 'select canvas_id as id from channel_canvases where channel = $1';
const RECORD = `
  insert into channel_canvases (channel, canvas_id) values ($1, $2)
  on conflict (channel) do update set canvas_id = excluded.canvas_id, made_at = clock_timestamp()`;
const FORGET = 'delete from channel_canvases where channel = $1';

/** The canvas that the bot has made in a channel; null when it has made none. */
export async function canvasOf(db: Db, channel: string): Promise<string | null> {
  const { rows } = await db.query<{ id: string }>(OF_CHANNEL, [channel]);
  return rows[0]?.id ?? null;
}

export async function recordCanvas(db: Db, channel: string, canvasId: string): Promise<void> {
  await db.query(RECORD, [channel, canvasId]);
}

/** Somebody has deleted it. */
export async function forgetCanvas(db: Db, channel: string): Promise<void> {
  await db.query(FORGET, [channel]);
}
