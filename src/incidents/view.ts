import type { NamedService } from '../config/schema.ts';
import type { Watched } from '../diagnosis/latest.ts';
import { alertsOf, type ListedAlert } from '../store/alerts.ts';
import type { Db } from '../store/database.ts';
import { type Freeze, freezeState } from '../store/freeze.ts';
import { findIncident, type Incident } from '../store/incidents.ts';
import { type ApprovalRow, approvalsOf, type MitigationRow, mitigationsOf } from '../store/mitigations.ts';
import { onlyReportsOf, type ReportRow, type Run, reportsOf, runsOf } from '../store/runs.ts';
import { listTimeline, type TimelineEntry } from '../store/timeline.ts';
import { openUndos, type UndoRow } from '../store/undos.ts';
import type { IncidentDeps } from './deps.ts';
import { SeenLatency } from './judge-watch.ts';
import { mitigationOf } from './kinds.ts';
import { type ProbeReport, probeReport } from './probe-report.ts';
import { toOutcome } from './run.ts';

/** Reports of single probes in a thread; older ones stay as they were posted. */
const MAX_PROBE_RUNS = 30;

/** A mitigation with everything a card shows of it; all texts are plain. */
export interface MitigationView extends MitigationRow {
  approvals: ApprovalRow[];
  verb: string;
  description: string;
  dryRunLines: string[];
  undo: string;
}

/** A run of one probe that is over, with what it said. */
export interface ProbeRunView {
  run: Run;
  report: ProbeReport;
}

/** Everything that Slack shows of one incident, read in one go. */
export interface IncidentView {
  incident: Incident;
  service: NamedService;
  runs: Run[];
  /** Probes of the newest triage run. */
  reports: ReportRow[];
  /** Oldest first. */
  probeRuns: ProbeRunView[];
  mitigations: MitigationView[];
  timeline: TimelineEntry[];
  /** What senders reported, oldest first; the commands of people are among them, without a status. */
  alerts: ListedAlert[];
  /** What was changed and not yet taken back. */
  undos: UndoRow[];
  /** What the newest look of the watch saw; null while nothing was watched. */
  watched: Watched | null;
  /** While it holds, nothing is carried out. */
  freeze: Freeze | null;
}

export async function loadIncidentView(
  deps: Pick<IncidentDeps, 'db' | 'services'>,
  id: number,
): Promise<IncidentView | null> {
  const { db } = deps;
  // The incident first: whatever changes after it raises its revision again.
  const incident = await findIncident(db, id);
  const service = incident && deps.services.get(incident.service);
  if (!incident || !service) return null;
  const [runs, rows, timeline, alerts, undos, freeze] = await Promise.all([
    runsOf(db, id),
    mitigationsOf(db, id),
    listTimeline(db, id),
    alertsOf(db, id),
    openUndos(db, id),
    freezeState(db),
  ]);
  const newest = runs.findLast((run) => run.kind === 'triage');
  const reports = newest ? await reportsOf(db, newest.id) : [];
  const probeRuns = await probeRunsOf(db, runs);
  const mitigations = await Promise.all(rows.map((row) => viewOf(db, row)));
  const watched = await watchedOf(db, runs);
  return {
    incident,
    service,
    runs,
    reports,
    probeRuns,
    mitigations,
    timeline,
    alerts,
    undos,
    watched,
    freeze,
  };
}

async function watchedOf(db: Db, runs: Run[]): Promise<Watched | null> {
  const run = runs.findLast(({ kind, state }) => kind === 'watch' && state === 'finished');
  if (!run?.finishedAt) return null;
  const row = (await onlyReportsOf(db, [run.id])).get(run.id);
  const seen = row?.status === 'answered' ? SeenLatency.parse(row.report).overall : null;
  return { at: run.finishedAt, p95Ms: seen?.p95Ms ?? null, errorRate: seen?.errorRate ?? null };
}

async function probeRunsOf(db: Db, runs: Run[]): Promise<ProbeRunView[]> {
  const over = runs.filter(({ kind, state }) => kind === 'probe' && state !== 'running');
  const newest = over.slice(-MAX_PROBE_RUNS);
  const reports = await onlyReportsOf(
    db,
    newest.map(({ id }) => id),
  );
  return newest.flatMap((run) => {
    const row = reports.get(run.id);
    if (!row) return [];
    const isOpen = row.status === 'pending' || row.status === 'running';
    const outcome = toOutcome(isOpen ? { ...row, reason: 'the run was given up' } : row);
    return [{ run, report: probeReport(outcome) }];
  });
}

/** A mitigation with its texts. */
export async function viewOf(db: Db, row: MitigationRow): Promise<MitigationView> {
  const approvals = await approvalsOf(db, row.id);
  const mitigation = mitigationOf(row.kind);
  if (!mitigation) {
    return { ...row, approvals, verb: row.kind, description: row.title, dryRunLines: [], undo: 'unknown' };
  }
  return {
    ...row,
    approvals,
    verb: mitigation.verb,
    description: mitigation.describe(mitigation.target.parse(row.target)),
    dryRunLines: mitigation.describeDryRun(mitigation.dryRun.parse(row.dryRun)),
    undo: mitigation.undo,
  };
}
