import { BotError } from '../errors.ts';
import type { Database, Db } from './database.ts';
import { storableJson } from './storable.ts';

export type IncidentState = 'investigating' | 'monitoring' | 'resolved';

/** One slow spell of one service: one thread in Slack. */
export interface Incident {
  id: number;
  service: string;
  channel: string;
  state: IncidentState;
  severity: 'P1' | 'P2';
  severityReason: string;
  openedBy: string;
  lead: string | null;
  alertCount: number;
  worstP95Ms: number | null;
  openedAt: Date;
  resolvedAt: Date | null;
  resolvedBy: string | null;
  /** What the one who resolved it said. */
  resolvedWords: string | null;
  /** What was measured when a person lowered the severity; null while nobody did. */
  severityHeld: { p95Ms: number | null; errorRate: number | null } | null;
  revision: number;
  publishedRevision: number;
}

const COLUMNS = `
  id, service, channel, state, severity, severity_reason as "severityReason", opened_by as "openedBy", lead,
  alert_count as "alertCount", worst_p95_ms as "worstP95Ms", opened_at as "openedAt", resolved_at as "resolvedAt",
  resolved_by as "resolvedBy", resolved_words as "resolvedWords", severity_held as "severityHeld", revision, published_revision as "publishedRevision"`;

// A conflict uses up a number: without the look first, the incident after a storm of alerts would be INC-10001.
const INSERT_IF_NONE = `
  insert into incidents (service, channel, opened_by, lead)
  select $1, $2, $3, $4
  where not exists (select 1 from incidents where service = $1 and state <> 'resolved')
  on conflict (service) where state <> 'resolved' do nothing
  returning ${COLUMNS}`;
const OPEN_OF_SERVICE = `select ${COLUMNS} from incidents where service = $1 and state <> 'resolved'`;
// Rows that refer to the incident may still be added meanwhile.
const LOCK = `select ${COLUMNS} from incidents where id = $1 for no key update`;
const ADD_ALERT = `
  with alert as (
    insert into alerts (incident_id, source, title, actor, data) values ($1, $2, $3, $4, $5)
  )
  update incidents set alert_count = alert_count + 1 where id = $1`;
const RECORD_MEASUREMENT = `
  update incidents
  set worst_p95_ms = greatest(worst_p95_ms, $2),
    severity = coalesce($3, severity),
    severity_reason = case when $3 is null then severity_reason else $4 end,
    severity_held = case when $3 is null then severity_held end
  where id = $1`;
const SET_SEVERITY = `
  update incidents set severity = $2, severity_reason = $3, severity_held = $4
  where id = $1 and state <> 'resolved'
  returning ${COLUMNS}`;
// Every change of the state begins the watching anew.
const CHANGE_STATE = `
  with unwatched as (
    delete from recovery_watches
    where incident_id = (select id from incidents where id = $1 and state = any ($3))
  )
  update incidents
  set state = $2,
    resolved_at = case when $2 = 'resolved' then clock_timestamp() end,
    resolved_by = case when $2 = 'resolved' then $4 end,
    resolved_words = case when $2 = 'resolved' then $5 end
  where id = $1 and state = any ($3)
  returning ${COLUMNS}`;
const SET_LEAD = `update incidents set lead = $2 where id = $1 and state <> 'resolved' returning ${COLUMNS}`;

export interface Alert {
  source: string;
  title: string;
  actor: string | null;
  data?: Record<string, unknown>;
}

/** The new incident, or null when the service already has an open one. */
export async function insertIncident(
  db: Db,
  values: { service: string; channel: string; openedBy: string; lead: string | null },
): Promise<Incident | null> {
  const { rows } = await db.query<Incident>(INSERT_IF_NONE, [
    values.service,
    values.channel,
    values.openedBy,
    values.lead,
  ]);
  return rows[0] ?? null;
}

/**
 * One transaction about one incident. It is locked before anything else is: everybody takes the locks in the same
 * order, so nobody waits in a circle, and what is read of the incident stays true until the commit.
 */
export function inIncident<T>(
  database: Database,
  id: number,
  work: (db: Db, incident: Incident) => Promise<T>,
): Promise<T> {
  return database.transaction(async (db) => {
    const { rows } = await db.query<Incident>(LOCK, [id]);
    if (!rows[0]) throw new BotError('not-found', `there is no incident ${id}`);
    return work(db, rows[0]);
  });
}

export async function openIncidentOf(db: Db, service: string): Promise<Incident | null> {
  const { rows } = await db.query<Incident>(OPEN_OF_SERVICE, [service]);
  return rows[0] ?? null;
}

export async function findIncident(db: Db, id: number): Promise<Incident | null> {
  const { rows } = await db.query<Incident>(`select ${COLUMNS} from incidents where id = $1`, [id]);
  return rows[0] ?? null;
}

/** The newest incidents, open ones first. */
export async function recentIncidents(db: Db, limit: number): Promise<Incident[]> {
  const { rows } = await db.query<Incident>(
    `select ${COLUMNS} from incidents order by state = 'resolved', id desc limit $1`,
    [limit],
  );
  return rows;
}

export async function addAlert(db: Db, incidentId: number, alert: Alert): Promise<void> {
  await db.query(ADD_ALERT, [
    incidentId,
    alert.source,
    alert.title,
    alert.actor,
    storableJson(alert.data ?? {}),
  ]);
}

/** Keeps the worst p95, and the severity that it is raised to; null leaves the severity as it is. */
export async function recordMeasurement(
  db: Db,
  id: number,
  p95Ms: number | null,
  severity: 'P1' | null,
  reason: string,
): Promise<void> {
  await db.query(RECORD_MEASUREMENT, [id, p95Ms, severity, reason]);
}

/** A person's word about the severity; null when the incident is over. */
export async function storeSeverity(
  db: Db,
  id: number,
  severity: 'P1' | 'P2',
  reason: string,
  held: Incident['severityHeld'],
): Promise<Incident | null> {
  const { rows } = await db.query<Incident>(SET_SEVERITY, [id, severity, reason, held && storableJson(held)]);
  return rows[0] ?? null;
}

/** Compare-and-set of the state; null when the incident was in none of `from`. */
export async function changeIncidentState(
  db: Db,
  id: number,
  from: IncidentState[],
  to: IncidentState,
  actor: string | null,
  words: string | null = null,
): Promise<Incident | null> {
  const { rows } = await db.query<Incident>(CHANGE_STATE, [id, to, from, actor, words]);
  return rows[0] ?? null;
}

export async function setLead(db: Db, id: number, lead: string): Promise<Incident | null> {
  const { rows } = await db.query<Incident>(SET_LEAD, [id, lead]);
  return rows[0] ?? null;
}

/** Takes an incident that could not be shown to another channel. */
export async function moveIncident(db: Db, id: number, channel: string): Promise<void> {
  await db.query('update incidents set channel = $2 where id = $1', [id, channel]);
}
