import type { Db } from './database.ts';

export type GamedayOutcome = 'recovered' | 'resolved' | 'time-up' | 'could-not-break';

/** A rehearsal with people: what breaks, and when what happened. */
export interface Gameday {
  id: number;
  service: string;
  startedBy: string;
  fault: string;
  state: 'waiting' | 'broken' | 'over';
  breaksAt: Date;
  endsAt: Date;
  brokenAt: Date | null;
  /** When clients first felt it. */
  slowAt: Date | null;
  /** When clients were served well again. */
  recoveredAt: Date | null;
  incidentId: number | null;
  outcome: GamedayOutcome | null;
  /** By the store's clock, as everything else here. */
  isDue: boolean;
  isTimeUp: boolean;
}

/** What people did about it, and when. */
export interface Responses {
  /** The first `/latency`, alert or look after it broke. */
  acknowledgedAt: Date | null;
  /** The first approval. */
  decidedAt: Date | null;
}

const COLUMNS = `
  id, service, started_by as "startedBy", fault, state, breaks_at as "breaksAt", ends_at as "endsAt",
  broken_at as "brokenAt", slow_at as "slowAt", recovered_at as "recoveredAt", incident_id as "incidentId", outcome,
  breaks_at <= clock_timestamp() as "isDue", ends_at <= clock_timestamp() as "isTimeUp"`;

const INSERT_IF_NONE = `
  insert into gamedays (service, started_by, fault, breaks_at, ends_at)
  values ($1, $2, $3, clock_timestamp() + $4 * interval '1 millisecond',
    clock_timestamp() + ($4 + $5) * interval '1 millisecond')
  on conflict (service) where state <> 'over' do nothing
  returning ${COLUMNS}`;
const NOT_OVER = `select ${COLUMNS} from gamedays where state <> 'over' order by id`;
const LAST_OVER = `select ${COLUMNS} from gamedays where service = $1 and state = 'over' order by id desc limit 1`;
const BREAK = `
  update gamedays set state = 'broken', broken_at = clock_timestamp()
  where id = $1 and state = 'waiting'
  returning ${COLUMNS}`;
const SLOW = 'update gamedays set slow_at = clock_timestamp() where id = $1 and slow_at is null';
const RECOVERED = `
  update gamedays set recovered_at = clock_timestamp() - $2 * interval '1 millisecond'
  where id = $1 and recovered_at is null`;
// People may open an incident, join an open one, or press its button.
const JOIN_INCIDENT = `
  update gamedays
  set incident_id = (
    select id from incidents
    where service = gamedays.service
    and (exists (select 1 from alerts where incident_id = incidents.id and received_at >= gamedays.broken_at)
      or exists (select 1 from runs
        where incident_id = incidents.id and kind = 'triage' and started_at >= gamedays.broken_at))
    order by id
    limit 1)
  where id = $1 and incident_id is null and broken_at is not null
  returning ${COLUMNS}`;
const RESPONSES = `
  select
    least(
      (select min(received_at) from alerts where incident_id = g.incident_id and received_at >= g.broken_at),
      (select min(started_at) from runs
        where incident_id = g.incident_id and kind = 'triage' and started_at >= g.broken_at)
    ) as "acknowledgedAt",
    (select min(decided_at) from approvals join mitigations on mitigations.id = mitigation_id
      where mitigations.incident_id = g.incident_id and decision = 'approve' and decided_at >= g.broken_at
    ) as "decidedAt"
  from gamedays g
  where g.id = $1`;
const FINISH = `
  update gamedays set state = 'over', outcome = $2, over_at = clock_timestamp()
  where id = $1 and state <> 'over'
  returning ${COLUMNS}`;

/** The new game day, or null when the service has one under way. */
export async function insertGameday(
  db: Db,
  values: { service: string; startedBy: string; fault: string; delayMs: number; limitMs: number },
): Promise<Gameday | null> {
  const { service, startedBy, fault, delayMs, limitMs } = values;
  const { rows } = await db.query<Gameday>(INSERT_IF_NONE, [service, startedBy, fault, delayMs, limitMs]);
  return rows[0] ?? null;
}

/** Those under way. */
export async function openGamedays(db: Db): Promise<Gameday[]> {
  const { rows } = await db.query<Gameday>(NOT_OVER);
  return rows;
}

export async function lastGamedayOf(db: Db, service: string): Promise<Gameday | null> {
  const { rows } = await db.query<Gameday>(LAST_OVER, [service]);
  return rows[0] ?? null;
}

/** Notes that it is broken now; null when somebody else did, or it is over. */
export async function markBroken(db: Db, id: number): Promise<Gameday | null> {
  const { rows } = await db.query<Gameday>(BREAK, [id]);
  return rows[0] ?? null;
}

/** Notes when clients first felt it. */
export async function markSlow(db: Db, id: number): Promise<void> {
  await db.query(SLOW, [id]);
}

/** Notes since when clients are served well again. */
export async function markRecovered(db: Db, id: number, sinceMs: number): Promise<void> {
  await db.query(RECOVERED, [id, Math.round(sinceMs)]);
}

/** Finds the incident that somebody opened, joined or looked at since it broke. */
export async function joinIncident(db: Db, gameday: Gameday): Promise<Gameday> {
  const { rows } = await db.query<Gameday>(JOIN_INCIDENT, [gameday.id]);
  return rows[0] ?? gameday;
}

export async function responsesTo(db: Db, id: number): Promise<Responses> {
  const { rows } = await db.query<Responses>(RESPONSES, [id]);
  return rows[0] ?? { acknowledgedAt: null, decidedAt: null };
}

/** Ends it, once; null when it was over. */
export async function finishGameday(db: Db, id: number, outcome: GamedayOutcome): Promise<Gameday | null> {
  const { rows } = await db.query<Gameday>(FINISH, [id, outcome]);
  return rows[0] ?? null;
}
