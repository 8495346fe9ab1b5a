import type { Db } from './database.ts';
import { COLUMNS as MITIGATION, type MitigationRow } from './mitigations.ts';

/** How long an incident took to its milestones, in milliseconds; null where it never came to one. */
export interface Milestones {
  id: number;
  acknowledgedMs: number | null;
  diagnosedMs: number | null;
  mitigatedMs: number | null;
  recoveredMs: number | null;
}

/** A probe that could not look in the newest run of a service. */
export interface ProbeTrouble {
  service: string;
  probeId: string;
  status: 'failed' | 'skipped';
  reason: string | null;
  at: Date;
}

// A person who opened it has seen it by then; a member id begins with U or W.
const since = (kinds: string) =>
  `(extract(epoch from min(t.at) filter (where ${kinds}) - i.opened_at) * 1000)::float8`;
const ACKNOWLEDGED = `
  t.kind in ('lead-taken', 'lead-assigned', 'requested', 'note') or (t.kind = 'opened' and t.actor ~ '^[UW]')`;
const MILESTONES = `
  select
    i.id,
    ${since(ACKNOWLEDGED)} as "acknowledgedMs",
    ${since("t.kind = 'diagnosed'")} as "diagnosedMs",
    ${since("t.kind = 'succeeded'")} as "mitigatedMs",
    ${since("t.kind in ('recovered', 'alerts-resolved', 'resolved')")} as "recoveredMs"
  from incidents i
  left join timeline t on t.incident_id = i.id
  where i.id = any ($1)
  group by i.id`;
const PENDING = `
  select ${MITIGATION} from mitigations
  where state = 'requested' and expires_at > clock_timestamp()
  order by expires_at limit 50`;
const TROUBLES = `
  with newest as (
    select distinct on (service) id, service, started_at from runs
    where kind = 'triage' and state = 'finished'
    order by service, id desc
  )
  select newest.service, r.probe_id as "probeId", r.status, r.reason, newest.started_at as at
  from newest
  join reports r on r.run_id = newest.id
  where r.status = 'failed'
  order by newest.service, r.position`;
const CHANGES = `
  select concat(
    (select concat(max(id), ':', sum(revision)) from incidents), ':',
    (select concat(max(id), ':', count(lifted_at)) from freezes)) as mark`;

export async function milestonesOf(db: Db, incidentIds: number[]): Promise<Milestones[]> {
  const { rows } = await db.query<Milestones>(MILESTONES, [incidentIds]);
  return rows;
}

/** Requests that wait for an approval, the next to expire first. */
export async function pendingRequests(db: Db): Promise<MitigationRow[]> {
  const { rows } = await db.query<MitigationRow>(PENDING);
  return rows;
}

/** What could not be seen in the newest run of each service. */
export async function probeTroubles(db: Db): Promise<ProbeTrouble[]> {
  const { rows } = await db.query<ProbeTrouble>(TROUBLES);
  return rows;
}

/** Differs whenever something that the home tab shows has changed. */
export async function homeMark(db: Db): Promise<string> {
  const { rows } = await db.query<{ mark: string }>(CHANGES);
  return rows[0]?.mark ?? '';
}
