import type { AlertMetric, IncomingAlert, IssueKind } from './alert-inbox.ts';
import type { Db } from './database.ts';
import { storableJson } from './storable.ts';

/** What is kept of an alert besides its place in time. */
export interface AlertFacts {
  severity: IncomingAlert['severity'];
  labels: [string, string][];
  project: string | null;
  links: string[];
  metric: AlertMetric | null;
  transaction: string | null;
  issueKind: IssueKind | null;
}

/** All identical alerts of an incident in one. */
export interface Episode {
  id: number;
  episodeKey: string;
  incidentId: number | null;
  /** Its incident is resolved, and has been for longer than the cool-down. */
  incidentLongOver: boolean;
  source: string;
  title: string;
  status: 'firing' | 'resolved';
  count: number;
  startsAt: Date;
  endedAt: Date | null;
  data: AlertFacts;
}

/** An episode as it is to be stored; `id` null for a new one, `count` what is to be added. */
export type EpisodeChange = Omit<Episode, 'id' | 'incidentLongOver'> & { id: number | null };

/** One line of the list of an incident's alerts. */
export interface ListedAlert {
  source: string;
  title: string;
  actor: string | null;
  status: 'firing' | 'resolved' | null;
  count: number;
  receivedAt: Date;
  data: Partial<AlertFacts>;
}

const COLUMNS = `
  a.id, a.episode_key as "episodeKey", a.incident_id as "incidentId", a.source, a.title, a.status, a.count,
  a.starts_at as "startsAt", a.ended_at as "endedAt", a.data`;
const EPISODES = `
  select distinct on (a.episode_key) ${COLUMNS},
    coalesce(i.state = 'resolved' and i.resolved_at < clock_timestamp() - $3 * interval '1 millisecond', false)
      as "incidentLongOver"
  from alerts a left join incidents i on i.id = a.incident_id
  where a.service = $1 and a.episode_key = any ($2)
  order by a.episode_key, a.id desc`;
const CHANGES = `
  select * from jsonb_to_recordset($1::jsonb)
    as c (id bigint, "episodeKey" text, "incidentId" bigint, source text, title text, status text, count int,
      "startsAt" timestamptz, "endedAt" timestamptz, data jsonb)`;
const UPDATE = `
  with changes as (${CHANGES})
  update alerts a
  set incident_id = c."incidentId", title = c.title, status = c.status, count = a.count + c.count,
    starts_at = c."startsAt", ended_at = c."endedAt", data = c.data, last_at = clock_timestamp()
  from changes c
  where a.id = c.id`;
const INSERT = `
  with changes as (${CHANGES})
  insert into alerts (service, episode_key, incident_id, source, title, status, count, starts_at, ended_at, data)
  select $2, "episodeKey", "incidentId", source, title, status, count, "startsAt", "endedAt", data
  from changes where id is null`;
// What is over is over in every incident that it was part of.
const END = `
  update alerts set status = 'resolved', ended_at = coalesce(ended_at, clock_timestamp())
  where service = $1 and episode_key = any ($2) and status = 'firing'`;
const LIST = `
  select source, title, actor, status, count, received_at as "receivedAt", data
  from alerts where incident_id = $1 order by id limit $2`;
const ADD_COUNT = 'update incidents set alert_count = alert_count + $2 where id = $1';
// What could not be read has no end that could be.
const FIRING = `
  select 1 from alerts
  where incident_id = $1 and status = 'firing' and episode_key <> source || ':unread'
  limit 1`;
const ISSUES = `
  select distinct source, data ->> 'issueKind' as kind, data ->> 'transaction' as transaction
  from alerts where incident_id = $1 and data ->> 'issueKind' is not null
  order by source, kind, transaction limit 50`;
const JOINED_LINES =
  "select count(*)::int as n from timeline where incident_id = $1 and kind = 'alerts-joined'";
const OPEN = `
  select id from incidents where service = $1 and state <> 'resolved' for no key update`;
const JUST_RESOLVED = `
  select id from incidents
  where service = $1 and state = 'resolved'
  and resolved_at > clock_timestamp() - $2 * interval '1 millisecond'
  order by resolved_at desc limit 1 for no key update`;

/** The newest episode of each key that the service has seen. */
export async function episodesOf(
  db: Db,
  service: string,
  keys: readonly string[],
  coolDownMs: number,
): Promise<Map<string, Episode>> {
  const { rows } = await db.query<Episode>(EPISODES, [service, keys, coolDownMs]);
  return new Map(rows.map((row) => [row.episodeKey, row]));
}

/** Stores new episodes and changed ones, a statement each however many they are. */
export async function saveEpisodes(
  db: Db,
  service: string,
  changes: readonly EpisodeChange[],
): Promise<void> {
  if (changes.length === 0) return;
  const ended = changes.filter(({ status }) => status === 'resolved').map(({ episodeKey }) => episodeKey);
  const json = storableJson(changes);
  await db.query(UPDATE, [json]);
  await db.query(INSERT, [json, service]);
  if (ended.length > 0) await db.query(END, [service, ended]);
}

/** The alerts of an incident, oldest first; identical ones are counted in one line. */
export async function alertsOf(db: Db, incidentId: number, limit = 100): Promise<ListedAlert[]> {
  return (await db.query<ListedAlert>(LIST, [incidentId, limit])).rows;
}

/** Counts alerts that came to an incident. */
export async function countAlerts(db: Db, incidentId: number, added: number): Promise<void> {
  await db.query(ADD_COUNT, [incidentId, added]);
}

export async function hasFiringAlert(db: Db, incidentId: number): Promise<boolean> {
  return (await db.query(FIRING, [incidentId])).rows.length > 0;
}

/** Locks the open incident of a service; null when it has none. */
export async function lockOpenIncident(db: Db, service: string): Promise<number | null> {
  return (await db.query<{ id: number }>(OPEN, [service])).rows[0]?.id ?? null;
}

/** Locks the incident that a service had within the cool-down; null when it had none. */
export async function lockJustResolved(db: Db, service: string, coolDownMs: number): Promise<number | null> {
  return (await db.query<{ id: number }>(JUST_RESOLVED, [service, coolDownMs])).rows[0]?.id ?? null;
}

/** Of an incident's alerts those that say what kind of trouble it is. */
export async function reportedIssuesOf(
  db: Db,
  incidentId: number,
): Promise<{ source: string; kind: IssueKind; transaction: string | null }[]> {
  return (
    await db.query<{ source: string; kind: IssueKind; transaction: string | null }>(ISSUES, [incidentId])
  ).rows;
}

/** How often the timeline of an incident says that alerts joined. */
export async function joinedLinesOf(db: Db, incidentId: number): Promise<number> {
  return (await db.query<{ n: number }>(JOINED_LINES, [incidentId])).rows[0]?.n ?? 0;
}
