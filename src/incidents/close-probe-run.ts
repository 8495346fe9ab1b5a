import { appendAudit } from '../store/audit.ts';
import type { Db } from '../store/database.ts';
import { finishRun, type ReportRow, type Run } from '../store/runs.ts';
import { addTimeline } from '../store/timeline.ts';

/** One probe proves no diagnosis, and takes back no offer of one. */
export async function closeProbeRun(db: Db, run: Run, [report]: ReportRow[]): Promise<void> {
  if (!(await finishRun(db, run.id, null))) return;
  await addTimeline(db, run.incidentId, 'probe-finished', 'latency-bot', {
    runId: run.id,
    probeId: report?.probeId ?? null,
    status: report?.status ?? null,
    reason: report?.reason ?? null,
  });
  await appendAudit(db, {
    actor: 'latency-bot',
    kind: 'run.finished',
    subject: `run:${run.id}`,
    body: { incident: run.incidentId, probe: report?.probeId ?? null, status: report?.status ?? null },
  });
}
