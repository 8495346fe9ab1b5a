import type { NamedService } from '../config/schema.ts';
import type { Db } from '../store/database.ts';
import { findIncident, type Incident } from '../store/incidents.ts';
import { type ApprovalRow, approvalsOf, type MitigationRow, mitigationsOf } from '../store/mitigations.ts';
import { type ReportRow, type Run, reportsOf, runsOf } from '../store/runs.ts';
import { listTimeline, type TimelineEntry } from '../store/timeline.ts';
import type { IncidentDeps } from './deps.ts';
import { mitigationOf } from './request.ts';

/** A mitigation with everything a card shows of it; all texts are plain. */
export interface MitigationView extends MitigationRow {
  approvals: ApprovalRow[];
  verb: string;
  description: string;
  dryRunLines: string[];
  undo: string;
}

/** Everything that Slack shows of one incident, read in one go. */
export interface IncidentView {
  incident: Incident;
  service: NamedService;
  runs: Run[];
  /** Probes of the newest triage run. */
  reports: ReportRow[];
  mitigations: MitigationView[];
  timeline: TimelineEntry[];
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
  const [runs, rows, timeline] = await Promise.all([
    runsOf(db, id),
    mitigationsOf(db, id),
    listTimeline(db, id),
  ]);
  const newest = runs.findLast((run) => run.kind === 'triage');
  const reports = newest ? await reportsOf(db, newest.id) : [];
  const mitigations = await Promise.all(rows.map((row) => viewOf(db, row)));
  return { incident, service, runs, reports, mitigations, timeline };
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
