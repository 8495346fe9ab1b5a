import type { Db } from './database.ts';

/** How the latency of a watched incident stands. */
export interface Watch {
  /** Null until it was seen within the objective. */
  calmSince: Date | null;
  /** How long it has been seen there without a gap, by the store's clock. */
  calmMs: number;
  /** Looks in a row that saw it above the objective. */
  slowLooks: number;
}

const DUE = `
  select i.id from incidents i
  left join recovery_watches w on w.incident_id = i.id
  where i.state = 'monitoring' and coalesce(w.next_look_at, '-infinity') <= clock_timestamp()
  order by i.id`;
const IS_DUE = `
  select from incidents i
  left join recovery_watches w on w.incident_id = i.id
  where i.id = $1 and i.state = 'monitoring' and coalesce(w.next_look_at, '-infinity') <= clock_timestamp()`;
const SCHEDULE = `
  insert into recovery_watches (incident_id, next_look_at)
  values ($1, clock_timestamp() + $2 * interval '1 millisecond')
  on conflict (incident_id) do update set next_look_at = excluded.next_look_at`;
const RECORD = `
  update recovery_watches
  set calm_since = case
      when not $2 then null
      when seen_at > clock_timestamp() - $3 * interval '1 millisecond' then coalesce(calm_since, clock_timestamp())
      else clock_timestamp() end,
    slow_looks = case when $2 then 0 else slow_looks + 1 end,
    seen_at = clock_timestamp()
  where incident_id = $1
  returning calm_since as "calmSince", slow_looks as "slowLooks",
    coalesce(extract(epoch from clock_timestamp() - calm_since) * 1000, 0)::float8 as "calmMs"`;
// Not only the last run: one that was under way when it got slow, or an alert came, says nothing about it.
const SLOW_UNSEEN = `
  select i.id from incidents i
  where i.state = 'investigating'
  and (select max(at) from timeline where incident_id = i.id and kind in ('slow-again', 'alert-again', 'reopened'))
    > (select coalesce(max(started_at), '-infinity') from runs where incident_id = i.id and kind = 'triage')
  order by i.id`;

/** Watched incidents whose latency has to be looked at now. */
export async function dueWatches(db: Db): Promise<number[]> {
  const { rows } = await db.query<{ id: number }>(DUE);
  return rows.map(({ id }) => id);
}

export async function isWatchDue(db: Db, incidentId: number): Promise<boolean> {
  const { rowCount } = await db.query(IS_DUE, [incidentId]);
  return rowCount === 1;
}

/** Sets when the latency of a watched incident is looked at next. */
export async function scheduleWatch(db: Db, incidentId: number, inMs: number): Promise<void> {
  await db.query(SCHEDULE, [incidentId, inMs]);
}

/** Notes what a look saw; calm counts on only where the last look is at most `maxGapMs` old. */
export async function recordWatch(
  db: Db,
  incidentId: number,
  calm: boolean,
  maxGapMs: number,
): Promise<Watch | null> {
  const { rows } = await db.query<Watch>(RECORD, [incidentId, calm, maxGapMs]);
  return rows[0] ?? null;
}

/** Incidents that got slow again and were not looked at since. */
export async function slowAgainUnseen(db: Db): Promise<number[]> {
  const { rows } = await db.query<{ id: number }>(SLOW_UNSEEN);
  return rows.map(({ id }) => id);
}
