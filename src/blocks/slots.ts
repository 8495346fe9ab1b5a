import type { IncidentView } from '../incidents/view.ts';
import { breakGlassMessage } from './break-glass.ts';
import { cardMessage } from './card.ts';
import { diagnosisMessage } from './diagnosis.ts';
import { gamedayMessage } from './gameday.ts';
import { LIMITS, type Rendered } from './kit.ts';
import { mitigationMessage } from './mitigation.ts';
import { recoveryMessage } from './recovery.ts';
import { probeRunMessage } from './report-message.ts';
import { reportSlots } from './report-slots.ts';
import { clipMarkup } from './text.ts';
import { resolvedMessage, threadNote } from './thread-notes.ts';
import { timelineMessage } from './timeline.ts';

/** A message of an incident with its fixed place: the publisher posts it once and edits it from then on. */
export interface Slot {
  name: string;
  rendered: Rendered;
  /** Posted at the top level of this channel, for everybody to see, and not in the thread. */
  channel?: string;
  /** Posted once and never again, also not when its thread is lost: it calls people. */
  once?: true;
}

/** All messages that an incident should have in Slack now, the card first. */
export function slotsOf(view: IncidentView, options: { charts: boolean; files?: boolean }): Slot[] {
  const slots: { name: string; rendered: Rendered | null; channel?: string; once?: true }[] = [
    { name: 'card', rendered: cardMessage(view, options) },
    { name: 'timeline', rendered: timelineMessage(view) },
    { name: 'diagnosis', rendered: diagnosisMessage(view, options) },
    ...view.mitigations.flatMap((row) => [
      { name: `mitigation:${row.id}`, rendered: mitigationMessage(view, row) },
      { name: `recovery:${row.id}`, rendered: recoveryMessage(view, row, options) },
    ]),
    ...view.mitigations.map((row) => ({
      name: `break-glass:${row.id}`,
      rendered: breakGlassMessage(view, row),
      channel: view.service.channel,
    })),
    ...view.probeRuns.map((one) => ({
      name: `report:${one.run.id}`,
      rendered: probeRunMessage(one, options),
    })),
    { name: 'gameday', rendered: gamedayMessage(view) },
    ...view.timeline.flatMap((entry) => threadNote(view, entry)),
    { name: 'resolved', rendered: resolvedMessage(view) },
    ...(options.files ? [] : reportSlots(view)),
  ];
  return slots.flatMap(({ name, rendered, ...where }) => {
    if (!rendered) return [];
    // Slack cuts a longer text when posting and refuses it when editing.
    return [{ ...where, name, rendered: { ...rendered, text: clipMarkup(rendered.text, LIMITS.text) } }];
  });
}
