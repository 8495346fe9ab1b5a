import { z } from 'zod';
import type { NamedService } from '../config/schema.ts';
import { appendAudit } from '../store/audit.ts';
import type { Db } from '../store/database.ts';
import { changeIncidentState, type Incident } from '../store/incidents.ts';
import type { ReportRow, Run } from '../store/runs.ts';
import { addTimeline, touchIncident } from '../store/timeline.ts';
import { recordWatch, scheduleWatch } from '../store/watches.ts';
import { endIncident } from './end-incident.ts';

export const WATCH_EVERY_MS = 60_000;
/** One slow window in a calm spell may be chance: it is looked at again soon, before people are called back. */
const LOOK_AGAIN_MS = 10_000;
const SLOW_LOOKS = 2;
/** Looks further apart than this leave open what was in between. */
const MAX_GAP_MS = 3 * WATCH_EVERY_MS;

/** What a watch needs of the report of api-latency. */
export const SeenLatency = z.object({
  overall: z.object({
    p95Ms: z.number().nullable(),
    p95BetweenMs: z.tuple([z.number(), z.number().nullable()]).nullable(),
    errorRate: z.number().nullable(),
  }),
});

/** Decides what a look at a watched incident means: calm for long enough, slow again, or look on. */
export async function judgeWatch(
  db: Db,
  incident: Incident,
  run: Run,
  report: ReportRow | undefined,
  service: NamedService,
): Promise<void> {
  if (incident.state !== 'monitoring') return;
  await scheduleWatch(db, incident.id, WATCH_EVERY_MS);
  const calm = report?.status === 'answered' ? isCalm(report.report, service) : null;
  // What could not be measured is neither calm nor slow.
  if (calm === null) return touchIncident(db, incident.id);
  const watch = await recordWatch(db, incident.id, calm, MAX_GAP_MS);
  if (!watch) return;
  const p95Ms = SeenLatency.parse(report?.report).overall.p95Ms;
  if (calm && watch.calmMs >= service.incidents.resolveAfter) {
    await endIncident(db, incident.id, 'latency-bot', { p95Ms, calmMs: Math.round(watch.calmMs) });
    return;
  }
  if (!calm && watch.slowLooks >= SLOW_LOOKS) return slowAgain(db, incident, run, p95Ms);
  if (!calm || watch.calmMs + WATCH_EVERY_MS > service.incidents.resolveAfter) {
    const restMs = Math.max(1_000, service.incidents.resolveAfter - watch.calmMs);
    await scheduleWatch(db, incident.id, calm ? restMs : LOOK_AGAIN_MS);
  }
  await touchIncident(db, incident.id);
}

/** Null when nothing was measured, as without traffic. Slow only where the whole bucket of p95 is above the objective. */
function isCalm(report: unknown, { thresholds }: NamedService): boolean | null {
  const { p95Ms, p95BetweenMs, errorRate } = SeenLatency.parse(report).overall;
  if (p95Ms === null) return null;
  const certainlySlow = (p95BetweenMs?.[0] ?? p95Ms) >= thresholds.baselineP95Ms;
  const isSlow = p95Ms > thresholds.baselineP95Ms && certainlySlow;
  return !isSlow && (errorRate ?? 0) <= thresholds.unhealthyErrorRatio;
}

async function slowAgain(db: Db, incident: Incident, run: Run, p95Ms: number | null): Promise<void> {
  if (!(await changeIncidentState(db, incident.id, ['monitoring'], 'investigating', null))) return;
  await addTimeline(db, incident.id, 'slow-again', 'latency-bot', { runId: run.id, p95Ms });
  await appendAudit(db, {
    actor: 'latency-bot',
    kind: 'incident.slow-again',
    subject: `incident:${incident.id}`,
    body: { run: run.id },
  });
}
