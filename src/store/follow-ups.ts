import type { Db } from './database.ts';

export type FollowUpKind = 'no-lead' | 'open-undo' | 'no-report';

const DUE = `
  select i.id, f.kind
  from incidents i
  cross join unnest($2::text[]) as f (kind)
  left join follow_ups done on done.incident_id = i.id and done.kind = f.kind
  where i.service = $1
  and coalesce(done.reminded_at, '-infinity') < clock_timestamp() - $5 * interval '1 millisecond'
  and case f.kind
    when 'no-lead' then i.state <> 'resolved' and i.lead is null
      and i.opened_at < clock_timestamp() - $3 * interval '1 millisecond'
    when 'open-undo' then i.state = 'resolved'
      and exists (select from undos u where u.incident_id = i.id and u.closed_at is null and u.undo_at is null)
    when 'no-report' then i.state = 'resolved'
      and i.resolved_at < clock_timestamp() - $4 * interval '1 millisecond'
      -- One look that found nothing wrong leaves nothing to learn from.
      and exists (select from runs r where r.incident_id = i.id and r.diagnosis ->> 'verdict' <> 'healthy')
      and not exists (select from timeline t where t.incident_id = i.id and t.kind = 'report-asked')
    end
  -- What nobody did after two weeks, nobody will do because of one more reminder.
  and coalesce(i.resolved_at, clock_timestamp()) > clock_timestamp() - interval '14 days'
  order by i.id, f.kind`;
const CLAIM = `
  insert into follow_ups (incident_id, kind) values ($1, $2)
  on conflict (incident_id, kind) do update
  set times = follow_ups.times + 1, reminded_at = clock_timestamp()
  where follow_ups.reminded_at < clock_timestamp() - $3 * interval '1 millisecond'
  returning times`;

/** What people of a service have to be reminded of, by the store's clock. */
export async function dueFollowUps(
  db: Db,
  service: string,
  after: { unownedMs: number; reportMs: number; everyMs: number },
): Promise<{ id: number; kind: FollowUpKind }[]> {
  const kinds: FollowUpKind[] = ['no-lead', 'open-undo', 'no-report'];
  const { rows } = await db.query<{ id: number; kind: FollowUpKind }>(DUE, [
    service,
    kinds,
    after.unownedMs,
    after.reportMs,
    after.everyMs,
  ]);
  return rows;
}

/** Takes one reminder, for exactly one caller per interval; how many there were, or null. */
export async function claimFollowUp(
  db: Db,
  incidentId: number,
  kind: FollowUpKind,
  everyMs: number,
): Promise<number | null> {
  const { rows } = await db.query<{ times: number }>(CLAIM, [incidentId, kind, everyMs]);
  return rows[0]?.times ?? null;
}

/** The time of the store, which decides what is due. */
export async function storeClock(db: Db): Promise<Date> {
  const { rows } = await db.query<{ now: Date }>('select clock_timestamp() as now');
  return rows[0]?.now ?? new Date(Number.NaN);
}
