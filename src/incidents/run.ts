import type { NamedService } from '../config/schema.ts';
import { diagnose } from '../diagnosis/diagnose.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import { PROBES } from '../probes/index.ts';
import { GRACE_MS, type Probe, type ProbeOutcome } from '../probes/probe.ts';
import { runProbe } from '../probes/run-probe.ts';
import { reportedIssuesOf } from '../store/alerts.ts';
import { appendAudit } from '../store/audit.ts';
import type { Db } from '../store/database.ts';
import { countRecoveryCheck, isRecoveryCheckDue } from '../store/executions.ts';
import { changeIncidentState, type Incident, inIncident } from '../store/incidents.ts';
import { type NewMitigation, replaceProposals } from '../store/mitigations.ts';
import {
  claimReport,
  countBell,
  findRun,
  finishRun,
  giveUpReports,
  insertRun,
  type ReportRow,
  type Run,
  reportsOf,
  saveReport,
} from '../store/runs.ts';
import { addTimeline, touchIncident } from '../store/timeline.ts';
import { isWatchDue, scheduleWatch } from '../store/watches.ts';
import { baselineOf } from './baseline-of.ts';
import { closeProbeRun } from './close-probe-run.ts';
import { type IncidentDeps, serviceOf } from './deps.ts';
import { judgeRecovery, RECOVERY_CHECK_INTERVAL_MS } from './judge-recovery.ts';
import { judgeWatch, WATCH_EVERY_MS } from './judge-watch.ts';
import { recordSeverity } from './measured-severity.ts';
import { onlyOfferable, proposalsOf } from './propose.ts';

const ALL_PROBES: Probe<unknown>[] = Object.values(PROBES);
/** Time for the queue and the store around the slowest probe. */
const RUN_MARGIN_MS = 4_000;

export interface RunRequest {
  kind: Run['kind'];
  requestedBy: string;
  mitigationId: number | null;
  /** The one probe of a run of kind `probe` or `watch`; the others run all. */
  probeId?: string;
}

/** Starts a pass of the runbook; null when the service has one under way already, or a recovery check is not due. */
export async function startRun(
  deps: IncidentDeps,
  incident: Incident,
  request: RunRequest,
): Promise<Run | null> {
  const service = serviceOf(deps, incident.service);
  if (!service) return null;
  const { mitigationId, probeId, ...rest } = request;
  const probes = probeId === undefined ? ALL_PROBES : ALL_PROBES.filter(({ id }) => id === probeId);
  const deadlineMs = service.window + GRACE_MS + RUN_MARGIN_MS;
  const run = await inIncident(deps.db, incident.id, async (db) => {
    if (mitigationId !== null && !(await isRecoveryCheckDue(db, mitigationId))) return null;
    if (request.kind === 'watch' && !(await isWatchDue(db, incident.id))) return null;
    const created = await insertRun(
      db,
      { incidentId: incident.id, service: incident.service, ...rest, mitigationId, deadlineMs },
      probes.map((probe) => ({ id: probe.id, step: probe.runbookStep })),
    );
    if (!created) return null;
    // Should this run get lost, the next check is due one interval after its deadline.
    if (mitigationId !== null) {
      await countRecoveryCheck(db, mitigationId, deadlineMs + RECOVERY_CHECK_INTERVAL_MS);
    }
    if (request.kind === 'watch') await scheduleWatch(db, incident.id, deadlineMs + WATCH_EVERY_MS);
    if (request.kind === 'triage') {
      await addTimeline(db, incident.id, 'run-started', request.requestedBy, { runId: created.id });
    } else if (request.kind === 'probe') {
      await addTimeline(db, incident.id, 'probe-started', request.requestedBy, {
        runId: created.id,
        probeId,
      });
    } else {
      await touchIncident(db, incident.id);
    }
    await appendAudit(db, {
      actor: request.requestedBy,
      kind: 'run.started',
      subject: `run:${created.id}`,
      body: {
        incident: incident.id,
        run: request.kind,
        ...(probeId === undefined ? {} : { probe: probeId }),
      },
    });
    return created;
  });
  if (!run) return null;
  await ringRun(deps, run).catch((err) => {
    // The sweep rings again.
    deps.log.warn({ err, runId: run.id }, 'ringing for a run');
  });
  return run;
}

/** Puts what is left of a run into the queue. Safe to repeat: probes and the closing are claimed in the store. */
export async function ringRun(deps: IncidentDeps, run: Run): Promise<void> {
  const counted = await countBell(deps.db, run.id);
  if (!counted) return;
  const open = (await reportsOf(deps.db, run.id)).filter(isOpen);
  await deps.bell.run(
    run.id,
    counted.bells,
    open.map((report) => report.probeId),
  );
}

/** Runs one probe of a run and stores its report before returning. */
export async function performProbe(
  deps: IncidentDeps,
  runId: number,
  probeId: string,
  signal: AbortSignal,
): Promise<void> {
  const run = await findRun(deps.db, runId);
  const service = run && serviceOf(deps, run.service);
  const probe = ALL_PROBES.find((candidate) => candidate.id === probeId);
  if (!run || !service || !probe) return;
  const deadlineMs = service.window + GRACE_MS;
  if (!(await claimReport(deps.db, runId, probeId, deadlineMs + 1_000))) {
    deps.metrics?.claimConflicts.inc({ what: 'probe' });
    return;
  }
  await touchIncident(deps.db, run.incidentId);
  const context = {
    service,
    targets: deps.targets(service.id),
    windowMs: service.window,
    signal,
    baseline: await baselineOf(deps, service.id),
    log: deps.log,
  };
  const outcome = await runProbe(probe, context);
  await inIncident(deps.db, run.incidentId, async (db) => {
    if (await saveReport(db, runId, outcome)) await touchIncident(db, run.incidentId);
  });
  deps.metrics?.probeSeconds.observe({ probe: probeId, status: outcome.status }, outcome.durationMs / 1_000);
  deps.log.info({ runId, probeId, status: outcome.status, durationMs: outcome.durationMs }, 'probe finished');
}

/**
 * Diagnoses a run once all its probes ended, or once its deadline passed; a run of one probe is only closed. Returns
 * false while probes are still under way; the sweep comes back to it.
 */
export async function closeRun(deps: IncidentDeps, runId: number): Promise<boolean> {
  const run = await findRun(deps.db, runId);
  const service = run && serviceOf(deps, run.service);
  if (!run || !service || run.state !== 'running') return true;
  let unsettled: Incident | null = null;
  const closed = await inIncident(deps.db, run.incidentId, async (db, incident) => {
    await giveUpReports(db, runId);
    const reports = await reportsOf(db, runId);
    if (reports.some(isOpen)) return false;
    if (run.kind === 'watch') {
      if (await finishRun(db, run.id, null)) await judgeWatch(db, incident, run, reports[0], service);
      return true;
    }
    if (run.kind === 'probe') {
      await closeProbeRun(db, run, reports);
      return true;
    }
    const diagnosis = onlyOfferable(
      diagnose({
        service,
        outcomes: reports.map(toOutcome),
        issues: await reportedIssuesOf(db, run.incidentId),
      }),
      service,
    );
    const finished = await finishRun(db, runId, diagnosis);
    if (!finished) return true;
    await recordDiagnosis(db, finished, diagnosis, incident, service);
    if (finished.kind === 'recovery') {
      const verdict = await judgeRecovery(db, finished, diagnosis, service);
      if (verdict === 'not-recovered' && incident.state !== 'resolved') unsettled = incident;
    } else await replaceProposals(db, incident.id, offersOf(finished, incident, diagnosis));
    deps.log.info({ runId, verdict: diagnosis.verdict, cause: diagnosis.causes[0]?.id }, 'run diagnosed');
    return true;
  });
  // It did not help: back to what else is slow. Looking is all that happens by itself.
  if (unsettled)
    await startRun(deps, unsettled, { kind: 'triage', requestedBy: 'latency-bot', mitigationId: null });
  return closed;
}

/** Nothing is offered any more where somebody resolved the incident while it was being looked at. */
function offersOf(run: Run, incident: Incident, diagnosis: Diagnosis): NewMitigation[] {
  return incident.state === 'resolved' ? [] : proposalsOf(run, diagnosis);
}

async function recordDiagnosis(
  db: Db,
  run: Run,
  diagnosis: Diagnosis,
  incident: Incident,
  service: NamedService,
): Promise<void> {
  await recordSeverity(db, incident, diagnosis, service);
  const top = diagnosis.causes.find((cause) => cause.status === 'found');
  await appendAudit(db, {
    actor: 'latency-bot',
    kind: 'run.diagnosed',
    subject: `run:${run.id}`,
    body: { incident: run.incidentId, verdict: diagnosis.verdict, cause: top?.id ?? null },
  });
  if (run.kind === 'recovery') return;
  // A fresh look at an incident that was only being watched: the trouble is back, or still there.
  if (diagnosis.verdict !== 'healthy') {
    await changeIncidentState(db, run.incidentId, ['monitoring'], 'investigating', null);
  }
  await addTimeline(db, run.incidentId, 'diagnosed', 'latency-bot', {
    runId: run.id,
    verdict: diagnosis.verdict,
    cause: top?.id ?? null,
    summary: top?.summary ?? null,
    p95Ms: diagnosis.scope.p95Ms,
  });
}

function isOpen(report: ReportRow): boolean {
  return report.status === 'pending' || report.status === 'running';
}

/** A stored report as what the probe said. */
export function toOutcome(row: ReportRow): ProbeOutcome {
  const base = {
    probeId: row.probeId,
    step: row.step,
    startedAt: row.startedAt?.toISOString() ?? '',
    durationMs: row.durationMs ?? 0,
  };
  if (row.status === 'answered') return { ...base, status: 'answered', report: row.report };
  const status = row.status === 'skipped' ? 'skipped' : 'failed';
  return { ...base, status, reason: row.reason ?? '', code: row.code ?? 'internal' };
}
