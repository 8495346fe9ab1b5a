import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import type { IncidentView } from '../incidents/view.ts';
import { offersOf } from './card-buttons.ts';
import { clip, escapeText, mention, milliseconds, when } from './text.ts';

/** The global stop, said first: what is offered below it will not be carried out. */
export function frozen({ freeze, incident }: IncidentView): string[] {
  if (!freeze || incident.state === 'resolved') return [];
  const reason = freeze.reason ? `: ${escapeText(clip(freeze.reason, 200))}` : '';
  return [
    `*Frozen* by ${mention(freeze.by)} ${when(freeze.at)}${reason}. Nothing is carried out until it is lifted.`,
  ];
}

/** What a tired person does next, in one sentence of mrkdwn; null when there is nothing to do. */
export function nextStep(view: IncidentView, diagnosis: Diagnosis | null): string | null {
  const { incident, service } = view;
  if (incident.state === 'resolved') return null;
  const title = (row: { title: string }) => escapeText(clip(row.title, 200));
  const under = view.mitigations.find(({ state }) => state === 'executing' || state === 'approved');
  if (under) return `wait: “${title(under)}” is under way.`;
  const asked = view.mitigations.find(({ state }) => state === 'requested');
  if (asked) return `approve or deny “${title(asked)}” in the thread.`;
  if (incident.state === 'monitoring') {
    const after = milliseconds(service.incidents.resolveAfter);
    return `nothing. It resolves itself once p95 has stayed within its objective for ${after}.`;
  }
  if (!diagnosis) return null;
  const [offer] = offersOf(view);
  if (offer) return `ask for “${title(offer)}” below; it is done only after an approval.`;
  if (diagnosis.verdict === 'healthy') return 'resolve it, or look again while it is slow.';
  const advice = diagnosis.causes.find(({ status }) => status === 'found')?.advice[0];
  return advice
    ? `by hand: ${escapeText(clip(advice, 300))}`
    : 'look again while it is slow; the thread says what was ruled out.';
}
