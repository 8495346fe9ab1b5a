import type { Db } from './database.ts';
import { storableJson } from './storable.ts';

/** One line of an incident's story. `data` holds the facts; blocks/ turns them into words. */
export interface TimelineEntry {
  id: number;
  at: Date;
  kind: string;
  actor: string;
  data: Record<string, unknown>;
}

const ADD = 'insert into timeline (incident_id, kind, actor, data) values ($1, $2, $3, $4)';
const TOUCH = 'update incidents set revision = revision + 1 where id = $1';
const NOTIFY = "select pg_notify('latency_bot_incident', $1)";
const HAS = 'select from timeline where incident_id = $1 and kind = $2 limit 1';
const LIST = 'select id, at, kind, actor, data from timeline where incident_id = $1 order by id';

/** Adds to the timeline, and has the publisher look at the incident again. */
export async function addTimeline(
  db: Db,
  incidentId: number,
  kind: string,
  actor: string,
  data: Record<string, unknown> = {},
): Promise<void> {
  await db.query(ADD, [incidentId, kind, actor, storableJson(data)]);
  await touchIncident(db, incidentId);
}

/** Something visible changed: the publisher has to look. Takes effect at commit. */
export async function touchIncident(db: Db, incidentId: number): Promise<void> {
  await db.query(TOUCH, [incidentId]);
  await db.query(NOTIFY, [String(incidentId)]);
}

export async function listTimeline(db: Db, incidentId: number): Promise<TimelineEntry[]> {
  const { rows } = await db.query<TimelineEntry>(LIST, [incidentId]);
  return rows;
}

/** Whether something of this kind has happened in the incident. */
export async function hasTimeline(db: Db, incidentId: number, kind: string): Promise<boolean> {
  const { rowCount } = await db.query(HAS, [incidentId, kind]);
  return rowCount === 1;
}
