import type { Db } from './database.ts';
import type { IncidentState } from './incidents.ts';
import type { ReportRow } from './runs.ts';

/** An incident as the history of its service lists it. */
export interface PastIncident {
  id: number;
  state: IncidentState;
  severity: 'P1' | 'P2';
  openedAt: Date;
  /** Until it was resolved, or until now; by the store's clock. */
  lastedMs: number;
  worstP95Ms: number | null;
  /** Id of the cause that the newest whole run named first; null when it named none. */
  causeId: string | null;
  /** What was done, oldest first. */
  done: string[];
}

const HISTORY = `
  select
    i.id, i.state, i.severity, i.opened_at as "openedAt", i.worst_p95_ms as "worstP95Ms",
    (extract(epoch from coalesce(i.resolved_at, clock_timestamp()) - i.opened_at) * 1000)::float8 as "lastedMs",
    (select cause ->> 'id'
      from (select diagnosis from runs
        where incident_id = i.id and kind = 'triage' and diagnosis ->> 'verdict' = 'cause-found'
        order by id desc limit 1) named,
        jsonb_array_elements(named.diagnosis -> 'causes') with ordinality as listed (cause, place)
      where cause ->> 'status' = 'found'
      order by place limit 1) as "causeId",
    (select coalesce(array_agg(title order by id), '{}') from mitigations
      where incident_id = i.id and state in ('succeeded', 'verified', 'not-recovered')) as done
  from incidents i
  where i.service = $1
  order by i.id desc
  limit $2`;
const NEWEST_REPORTS = `
  select distinct on (reports.probe_id)
    reports.probe_id as "probeId", reports.step, reports.status, reports.started_at as "startedAt",
    reports.duration_ms as "durationMs", reports.reason, reports.code, reports.report, reports.run_id as "runId"
  from reports join runs on runs.id = reports.run_id
  where runs.service = $1 and reports.probe_id = any ($2) and reports.status = 'answered'
  order by reports.probe_id, reports.run_id desc`;

/** The newest incidents of a service, newest first. */
export async function historyOf(db: Db, service: string, limit: number): Promise<PastIncident[]> {
  const { rows } = await db.query<PastIncident>(HISTORY, [service, limit]);
  return rows;
}

/** The newest report of each of these probes about a service; none where it never answered. */
export async function newestReports(
  db: Db,
  service: string,
  probeIds: string[],
): Promise<(ReportRow & { runId: number })[]> {
  const { rows } = await db.query<ReportRow & { runId: number }>(NEWEST_REPORTS, [service, probeIds]);
  return rows;
}
