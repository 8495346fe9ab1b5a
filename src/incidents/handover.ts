import { latencyNow, tellingDiagnosis } from '../diagnosis/latest.ts';
import { appendAudit } from '../store/audit.ts';
import { type Incident, inIncident } from '../store/incidents.ts';
import type { MitigationState } from '../store/mitigations.ts';
import { addTimeline } from '../store/timeline.ts';
import type { IncidentDeps } from './deps.ts';
import { refusalToAct } from './may-act.ts';
import type { Refusal } from './policy.ts';
import { type IncidentView, loadIncidentView } from './view.ts';

/** How an incident stood when it was handed over; all texts are plain. */
export interface HandoverFacts {
  state: string;
  severity: string;
  lead: string | null;
  p95Ms: number | null;
  objectiveMs: number;
  worstP95Ms: number | null;
  cause: string | null;
  ruledOut: string[];
  couldNotLook: string[];
  /** What was done, refused or tried. */
  tried: { title: string; state: MitigationState }[];
  /** What waits for a decision, or is under way. */
  pending: { title: string; state: MitigationState }[];
  /** What was changed and not yet taken back. */
  undos: string[];
  notes: string[];
}

const PENDING = new Set(['requested', 'approved', 'executing', 'interrupted']);
const MAX_NOTE = 300;

/** Puts how it stands into the thread, for whoever takes over; what it says stays as it was at this moment. */
export async function handover(
  deps: IncidentDeps,
  incidentId: number,
  userId: string,
): Promise<{ incident: Incident } | Refusal> {
  const refusal = await refusalToAct(deps, incidentId, userId);
  if (refusal) return refusal;
  const view = await loadIncidentView(deps, incidentId);
  if (!view) return { refused: 'not-found' };
  const facts = factsOf(view);
  return inIncident(deps.db, incidentId, async (db, incident) => {
    await addTimeline(db, incidentId, 'handover', userId, { ...facts });
    await appendAudit(db, {
      actor: userId,
      kind: 'incident.handover',
      subject: `incident:${incidentId}`,
      body: { lead: incident.lead },
    });
    return { incident };
  });
}

function factsOf(view: IncidentView): HandoverFacts {
  const { incident, service } = view;
  const diagnosis = tellingDiagnosis(view.runs);
  const asked = view.mitigations.filter((row) => row.requestedAt !== null);
  const of = (wanted: boolean) =>
    asked.filter(({ state }) => PENDING.has(state) === wanted).map(({ title, state }) => ({ title, state }));
  const named = (status: string) =>
    (diagnosis?.causes ?? []).filter((cause) => cause.status === status).map(({ id }) => id);
  return {
    state: incident.state,
    severity: incident.severity,
    lead: incident.lead,
    p95Ms: latencyNow(view.runs, view.watched).p95Ms,
    objectiveMs: service.thresholds.baselineP95Ms,
    worstP95Ms: incident.worstP95Ms,
    cause: diagnosis?.causes.find(({ status }) => status === 'found')?.summary ?? null,
    ruledOut: named('ruled-out'),
    couldNotLook: named('could-not-look'),
    tried: of(false),
    pending: of(true),
    undos: view.undos.map(({ title, changed }) => `${title} (changed: ${changed})`),
    notes: view.timeline
      .filter(({ kind }) => kind === 'note')
      .map(({ data }) => String(data.text ?? '').slice(0, MAX_NOTE)),
  };
}
