import { tellingDiagnosis } from '../diagnosis/latest.ts';
import type { IncidentView } from '../incidents/view.ts';
import type { TimelineEntry } from '../store/timeline.ts';
import { rootsOf } from './causes.ts';
import { handoverMessage } from './handover.ts';
import { actions, button, fields, fitBlocks, type MessageBlock, type Rendered, section } from './kit.ts';
import { mitigationState } from './mitigation.ts';
import { clip, escapeText, mention, milliseconds } from './text.ts';

/** The message of its own that an entry of the timeline has; most have none. */
export function threadNote(
  view: IncidentView,
  entry: TimelineEntry,
): { name: string; rendered: Rendered; once?: true }[] {
  if (entry.kind === 'on-call-called') {
    return [{ name: 'on-call', rendered: onCallMessage(view, entry), once: true }];
  }
  if (entry.kind === 'reminded') {
    return [{ name: `reminder:${entry.id}`, rendered: reminderMessage(view, entry), once: true }];
  }
  if (entry.kind === 'handover') {
    return [{ name: `handover:${entry.id}`, rendered: handoverMessage(view.incident.id, entry) }];
  }
  return [];
}

/** The one message that calls the people on call to a P1. */
export function onCallMessage({ incident, service }: IncidentView, entry: TimelineEntry): Rendered {
  const why = incident.severityReason ? `: ${escapeText(clip(incident.severityReason, 300))}` : '';
  const text = `${mention(String(entry.data.group ?? ''))} INC-${incident.id} of ${escapeText(service.title)} is P1${why}.`;
  return { text, blocks: [section(text)] };
}

/** One reminder, as it was when it was due. */
export function reminderMessage({ incident }: IncidentView, entry: TimelineEntry): Rendered {
  const id = String(incident.id);
  const lead = typeof entry.data.lead === 'string' ? `${mention(entry.data.lead)} ` : '';
  const titles = Array.isArray(entry.data.undos) ? entry.data.undos.map(String) : [];
  const undos = titles.map((title) => `• ${escapeText(clip(title, 200))}`).join('\n');
  const words: Record<string, string> = {
    'no-lead': `Nobody leads INC-${id} yet. *Take lead* says that somebody is on it.`,
    'open-undo': `${lead}INC-${id} is resolved, and this is still changed:\n${undos}\nTake it back with \`/latency undo\`, or keep it on purpose.`,
    'no-report': `${lead}INC-${id} is resolved, and nobody has opened its report yet.`,
  };
  const kind = String(entry.data.of);
  const text = (Object.hasOwn(words, kind) ? words[kind] : undefined) ?? `Reminder about INC-${id}.`;
  const buttons = {
    'no-lead': [button('take-lead', 'Take lead', id)],
    'no-report': [button('show-report', 'Show report', id)],
  };
  const shown = kind === 'no-lead' || kind === 'no-report' ? buttons[kind] : [];
  return {
    text: text.replaceAll('*', ''),
    blocks: [section(text), ...(shown.length > 0 ? [actions(`reminder:${entry.id}`, shown)] : [])],
  };
}

/** The end of an incident in one message of its thread: cause, figures, what was done, and the way to the report. */
export function resolvedMessage(view: IncidentView): Rendered | null {
  const { incident } = view;
  if (incident.state !== 'resolved' || !incident.resolvedAt) return null;
  const diagnosis = tellingDiagnosis(view.runs);
  const [root] = diagnosis ? rootsOf(diagnosis) : [];
  const cause = escapeText(clip(root?.cause.summary ?? 'No cause is known.', 900));
  const lasted = milliseconds(incident.resolvedAt.getTime() - incident.openedAt.getTime());
  const by = mention(incident.resolvedBy ?? 'latency-bot');
  const asked = view.mitigations.filter((row) => row.requestedAt !== null);
  const done = asked.map((row) => `• ${mitigationState(row)}: ${escapeText(clip(row.title, 200))}`);
  const words = incident.resolvedWords ? `\n>${escapeText(clip(incident.resolvedWords, 900))}` : '';
  const body: MessageBlock[] = [
    section(`*Resolved by ${by} after ${lasted}.*${words}`),
    section(`*Cause:* ${cause}`),
    fields([
      `*Worst p95*\n${milliseconds(incident.worstP95Ms)}`,
      `*Alerts and triggers*\n${incident.alertCount}`,
    ]),
    section(
      done.length > 0 ? `*What was done*\n${done.slice(0, 8).join('\n')}` : 'Nothing was changed by the bot.',
    ),
  ];
  const id = String(incident.id);
  return {
    text: `INC-${id} is resolved after ${lasted}. Cause: ${cause}`,
    blocks: fitBlocks(body, [actions(`resolved:${id}`, [button('show-report', 'Show report', id)])]),
  };
}
