import type { Db } from './database.ts';

/** Where one slot of an incident stands in Slack. */
export interface MessageRow {
  slot: string;
  channel: string;
  ts: string | null;
  threadTs: string | null;
  contentHash: string | null;
  attemptedAt: Date | null;
}

const LIST = `
  select slot, channel, ts, thread_ts as "threadTs", content_hash as "contentHash", attempted_at as "attemptedAt"
  from messages where incident_id = $1`;
const ATTEMPT = `
  insert into messages (incident_id, slot, channel, thread_ts, attempted_at)
  values ($1, $2, $3, $4, clock_timestamp())
  on conflict (incident_id, slot) do update
  set attempted_at = excluded.attempted_at, thread_ts = excluded.thread_ts, channel = excluded.channel`;
const SENT = `
  update messages set ts = $3, content_hash = $4, sent_at = clock_timestamp()
  where incident_id = $1 and slot = $2`;
const FORGET =
  'update messages set ts = null, content_hash = null, attempted_at = null where incident_id = $1 and slot = $2';
// A message of the incident, or one below its card.
const OF_THREAD = `
  select incident_id as id from messages
  where channel = $1 and ts is not null and ((thread_ts is null and ts = $2) or thread_ts = $2)
  order by incident_id desc limit 1`;
const CARDS = `
  select incident_id as id, channel, ts from messages
  where incident_id = any ($1) and slot = 'card' and ts is not null`;
const UNPUBLISHED = 'select id from incidents where revision <> published_revision order by id';
const PUBLISHED = 'update incidents set published_revision = $2 where id = $1 and published_revision < $2';

export async function messagesOf(db: Db, incidentId: number): Promise<MessageRow[]> {
  const { rows } = await db.query<MessageRow>(LIST, [incidentId]);
  return rows;
}

/** Written before the first post, so that a crash in the middle is noticed. */
export async function recordAttempt(
  db: Db,
  incidentId: number,
  slot: string,
  channel: string,
  threadTs: string | null,
): Promise<void> {
  await db.query(ATTEMPT, [incidentId, slot, channel, threadTs]);
}

export async function recordSent(
  db: Db,
  incidentId: number,
  slot: string,
  ts: string,
  hash: string,
): Promise<void> {
  await db.query(SENT, [incidentId, slot, ts, hash]);
}

/** The message is gone from Slack; the slot will be posted anew. */
export async function forgetMessage(db: Db, incidentId: number, slot: string): Promise<void> {
  await db.query(FORGET, [incidentId, slot]);
}

export async function unpublishedIncidents(db: Db): Promise<number[]> {
  const { rows } = await db.query<{ id: number }>(UNPUBLISHED);
  return rows.map((row) => row.id);
}

export async function markPublished(db: Db, incidentId: number, revision: number): Promise<void> {
  await db.query(PUBLISHED, [incidentId, revision]);
}

/** The incident whose card a thread hangs on; null when it is somebody else's thread. */
export async function incidentOfThread(db: Db, channel: string, threadTs: string): Promise<number | null> {
  const { rows } = await db.query<{ id: number }>(OF_THREAD, [channel, threadTs]);
  return rows[0]?.id ?? null;
}

/** Where the cards of these incidents stand, by incident; those that were posted. */
export async function cardsOf(
  db: Db,
  incidentIds: number[],
): Promise<Map<number, { channel: string; ts: string }>> {
  if (incidentIds.length === 0) return new Map();
  const { rows } = await db.query<{ id: number; channel: string; ts: string }>(CARDS, [incidentIds]);
  return new Map(rows.map(({ id, channel, ts }) => [id, { channel, ts }]));
}
