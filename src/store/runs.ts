import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import type { ProbeOutcome } from '../probes/probe.ts';
import type { Db } from './database.ts';
import { storableJson } from './storable.ts';

/** One pass of the runbook, or one probe of it that somebody asked for. */
export interface Run {
  id: number;
  incidentId: number;
  service: string;
  /** `watch`: a cheap look at the latency of an incident that is being watched. */
  kind: 'triage' | 'recovery' | 'probe' | 'watch';
  mitigationId: number | null;
  requestedBy: string;
  state: 'running' | 'finished' | 'abandoned';
  startedAt: Date;
  deadlineAt: Date;
  finishedAt: Date | null;
  bells: number;
  diagnosis: Diagnosis | null;
}

/** A probe of a run, as the card shows it. */
export interface ReportRow {
  probeId: string;
  step: number;
  status: 'pending' | 'running' | 'answered' | 'skipped' | 'failed';
  startedAt: Date | null;
  durationMs: number | null;
  reason: string | null;
  code: string | null;
  report: unknown;
}

const COLUMNS = `
  id, incident_id as "incidentId", service, kind, mitigation_id as "mitigationId", requested_by as "requestedBy",
  state, started_at as "startedAt", deadline_at as "deadlineAt", finished_at as "finishedAt", bells, diagnosis`;

const INSERT_IF_NONE = `
  insert into runs (incident_id, service, kind, mitigation_id, requested_by, deadline_at)
  values ($1, $2, $3, $4, $5, clock_timestamp() + $6 * interval '1 millisecond')
  on conflict (service) where state = 'running' do nothing
  returning ${COLUMNS}`;
// All of them at once: somebody waits for the answer, and each round trip comes before the first probe.
const INSERT_REPORTS = `
  insert into reports (run_id, probe_id, step, position)
  select $1, probe.id, probe.step, probe.nth - 1
  from unnest($2::text[], $3::int[]) with ordinality as probe (id, step, nth)`;
// A claim whose worker died is free again once the probe's own deadline has passed.
const CLAIM_REPORT = `
  update reports
  set status = 'running', claimed_at = clock_timestamp()
  where run_id = $1 and probe_id = $2
  and (status = 'pending' or (status = 'running' and claimed_at < clock_timestamp() - $3 * interval '1 millisecond'))
  and exists (select 1 from runs where id = $1 and state = 'running')`;
const SAVE_REPORT = `
  update reports
  set status = $3, started_at = $4, duration_ms = $5, reason = $6, code = $7, report = $8
  where run_id = $1 and probe_id = $2 and status in ('pending', 'running')`;
// Only of a run that is over its deadline, by the store's clock.
const GIVE_UP_REPORTS = `
  update reports
  set status = 'failed', code = 'target-timeout', reason = 'no answer before the run''s deadline',
    started_at = claimed_at,
    duration_ms = (extract(epoch from clock_timestamp() - claimed_at) * 1000)::int
  where run_id = $1 and status in ('pending', 'running')
  and exists (select 1 from runs where id = $1 and state = 'running' and deadline_at <= clock_timestamp())`;
const REPORT_COLUMNS = `
  probe_id as "probeId", step, status, started_at as "startedAt", duration_ms as "durationMs", reason, code, report`;
const REPORTS = `select ${REPORT_COLUMNS} from reports where run_id = $1 order by position`;
const ONLY_REPORTS = `select run_id as "runId", ${REPORT_COLUMNS} from reports where run_id = any ($1)`;
const FINISH = `
  update runs set state = 'finished', finished_at = clock_timestamp(), diagnosis = $2
  where id = $1 and state = 'running'
  returning ${COLUMNS}`;
const RING = `
  update runs set bells = bells + 1, rung_at = clock_timestamp()
  where id = $1 and state = 'running'
  returning ${COLUMNS}`;
const NEVER_RUN = `
  select id from incidents
  where state = 'investigating'
  and not exists (select 1 from runs where incident_id = incidents.id and kind in ('triage', 'recovery'))
  and opened_at < clock_timestamp() - interval '1 second'
  order by id`;
const ABANDON = `
  update runs set state = 'abandoned', finished_at = clock_timestamp()
  where id = $1 and state = 'running'`;
const OVERDUE = `
  select ${COLUMNS} from runs
  where state = 'running' and deadline_at < clock_timestamp() - $1 * interval '1 millisecond'
  order by id`;
const LOST_BELLS = `
  select ${COLUMNS} from runs
  where state = 'running' and (rung_at is null or rung_at < clock_timestamp() - $1 * interval '1 millisecond')
  order by id`;

/** Open incidents that nobody has looked at: whoever opened them died before starting a run. */
export async function incidentsWithoutRun(db: Db): Promise<number[]> {
  const { rows } = await db.query<{ id: number }>(NEVER_RUN);
  return rows.map((row) => row.id);
}

/** The new run with its probes pending, or null when the service has one under way. */
export async function insertRun(
  db: Db,
  values: Pick<Run, 'incidentId' | 'service' | 'kind' | 'mitigationId' | 'requestedBy'> & {
    deadlineMs: number;
  },
  probes: { id: string; step: number }[],
): Promise<Run | null> {
  const { rows } = await db.query<Run>(INSERT_IF_NONE, [
    values.incidentId,
    values.service,
    values.kind,
    values.mitigationId,
    values.requestedBy,
    values.deadlineMs,
  ]);
  const run = rows[0];
  if (!run) return null;
  await db.query(INSERT_REPORTS, [run.id, probes.map(({ id }) => id), probes.map(({ step }) => step)]);
  return run;
}

export async function findRun(db: Db, id: number): Promise<Run | null> {
  const { rows } = await db.query<Run>(`select ${COLUMNS} from runs where id = $1`, [id]);
  return rows[0] ?? null;
}

export async function runningRunOf(db: Db, service: string): Promise<Run | null> {
  const { rows } = await db.query<Run>(
    `select ${COLUMNS} from runs where service = $1 and state = 'running'`,
    [service],
  );
  return rows[0] ?? null;
}

/** All runs of an incident, oldest first. */
export async function runsOf(db: Db, incidentId: number): Promise<Run[]> {
  const { rows } = await db.query<Run>(`select ${COLUMNS} from runs where incident_id = $1 order by id`, [
    incidentId,
  ]);
  return rows;
}

export async function claimReport(
  db: Db,
  runId: number,
  probeId: string,
  staleAfterMs: number,
): Promise<boolean> {
  const { rowCount } = await db.query(CLAIM_REPORT, [runId, probeId, staleAfterMs]);
  return rowCount === 1;
}

/** Stores what a probe found. False when the run had already been closed without it. */
export async function saveReport(db: Db, runId: number, outcome: ProbeOutcome): Promise<boolean> {
  const answered = outcome.status === 'answered';
  const { rowCount } = await db.query(SAVE_REPORT, [
    runId,
    outcome.probeId,
    outcome.status,
    outcome.startedAt,
    Math.round(outcome.durationMs),
    answered ? null : outcome.reason,
    answered ? null : outcome.code,
    answered ? storableJson(outcome.report) : null,
  ]);
  return rowCount === 1;
}

export async function reportsOf(db: Db, runId: number): Promise<ReportRow[]> {
  const { rows } = await db.query<ReportRow>(REPORTS, [runId]);
  return rows;
}

/** The one report of each of these runs, by the id of its run. */
export async function onlyReportsOf(db: Db, runIds: number[]): Promise<Map<number, ReportRow>> {
  if (runIds.length === 0) return new Map();
  const { rows } = await db.query<ReportRow & { runId: number }>(ONLY_REPORTS, [runIds]);
  return new Map(rows.map(({ runId, ...row }) => [runId, row]));
}

/** Fails the probes that a run past its deadline still waits for: what they answer now comes too late. */
export async function giveUpReports(db: Db, runId: number): Promise<void> {
  await db.query(GIVE_UP_REPORTS, [runId]);
}

/** Closes a run, once, with its diagnosis if it has one; null when somebody else did. */
export async function finishRun(db: Db, id: number, diagnosis: Diagnosis | null): Promise<Run | null> {
  const { rows } = await db.query<Run>(FINISH, [id, diagnosis && storableJson(diagnosis)]);
  return rows[0] ?? null;
}

/** Gives a run up without a diagnosis; false when it is over already. */
export async function abandonRun(db: Db, id: number): Promise<boolean> {
  const { rowCount } = await db.query(ABANDON, [id]);
  return rowCount === 1;
}

/** Runs that should have been closed this long ago. */
export async function overdueRuns(db: Db, sinceMs: number): Promise<Run[]> {
  const { rows } = await db.query<Run>(OVERDUE, [sinceMs]);
  return rows;
}

/** Counts one ring of the queue for this run; null when it is over. */
export async function countBell(db: Db, id: number): Promise<Run | null> {
  const { rows } = await db.query<Run>(RING, [id]);
  return rows[0] ?? null;
}

/** Runs whose jobs may be lost: running, and not rung for a while. */
export async function runsWithLostBell(db: Db, silentMs: number): Promise<Run[]> {
  const { rows } = await db.query<Run>(LOST_BELLS, [silentMs]);
  return rows;
}
