import { type Incident, openIncidentOf } from '../store/incidents.ts';
import { type Run, reportsOf, runningRunOf } from '../store/runs.ts';
import type { IncidentDeps } from './deps.ts';
import { type ProbeReport, probeReport } from './probe-report.ts';
import { startRun, toOutcome } from './run.ts';

/** Starting loses against somebody else's run, which may be over a moment later. */
const ATTEMPTS = 3;

export type AskedProbe =
  /** A run of its own, which the thread of the incident shows. */
  | { outcome: 'started'; incident: Incident; run: Run }
  /** The run under way has looked at it already. */
  | { outcome: 'answered'; run: Run; report: ProbeReport }
  /** The run under way looks at it, and the incident will show it. */
  | { outcome: 'looking'; run: Run }
  /** Something else of the service is being looked at; one run at a time. */
  | { outcome: 'busy' }
  /** There is nothing that the report could be kept with. */
  | { outcome: 'no-incident' };

/** Has one probe look for the open incident of a service, unless the run under way does so anyway. */
export async function askProbe(
  deps: IncidentDeps,
  asked: { service: string; probeId: string; requestedBy: string },
): Promise<AskedProbe> {
  const { service, probeId, requestedBy } = asked;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const running = await runningRunOf(deps.db, service);
    if (running) return inRun(deps, running, probeId);
    const incident = await openIncidentOf(deps.db, service);
    if (!incident) return { outcome: 'no-incident' };
    const run = await startRun(deps, incident, { kind: 'probe', probeId, requestedBy, mitigationId: null });
    if (run) return { outcome: 'started', incident, run };
  }
  return { outcome: 'busy' };
}

async function inRun(deps: IncidentDeps, run: Run, probeId: string): Promise<AskedProbe> {
  const row = (await reportsOf(deps.db, run.id)).find((report) => report.probeId === probeId);
  if (!row) return { outcome: 'busy' };
  if (row.status === 'pending' || row.status === 'running') return { outcome: 'looking', run };
  return { outcome: 'answered', run, report: probeReport(toOutcome(row)) };
}
