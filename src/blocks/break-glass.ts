import type { IncidentView, MitigationView } from '../incidents/view.ts';
import { context, type Rendered, rich, section, span } from './kit.ts';
import { mitigationState } from './mitigation.ts';
import { clip, escapeText, mention, when } from './text.ts';

/** Somebody acts alone: said to the whole channel, not in the thread, and kept up to date there. */
export function breakGlassMessage(view: IncidentView, row: MitigationView): Rendered | null {
  if (!row.breakGlass || !row.requestedBy || !row.requestedAt) return null;
  const who = mention(row.requestedBy);
  const what = escapeText(clip(row.title, 300));
  return {
    text: `Break-glass in INC-${view.incident.id}: ${who} acts without an approval: ${what}. Why: ${escapeText(clip(row.reason ?? '', 500))}`,
    blocks: [
      section(
        `*Break-glass in INC-${view.incident.id}.* ${who} acts without an approval, ${when(row.requestedAt)}.`,
      ),
      rich(span('What: ', { bold: true }), span(clip(row.title, 300))),
      rich(span('Target: ', { bold: true }), span(clip(row.description, 600))),
      rich(span('Why: ', { bold: true }), span(clip(row.reason ?? '', 500))),
      context(`${mitigationState(row)} · Mitigation ${row.id} · To be reviewed after the incident.`),
    ],
  };
}
