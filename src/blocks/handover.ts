import { z } from 'zod';
import type { HandoverFacts } from '../incidents/handover.ts';
import type { MitigationState } from '../store/mitigations.ts';
import type { TimelineEntry } from '../store/timeline.ts';
import {
  bullets,
  context,
  fields,
  fitBlocks,
  header,
  type MessageBlock,
  type Rendered,
  section,
} from './kit.ts';
import { mitigationState } from './mitigation.ts';
import { clip, escapeText, mention, milliseconds, when } from './text.ts';

const MAX_LINES = 8;
const Lines = z.array(z.string());
const Changes = z.array(
  z.object({ title: z.string(), state: z.custom<MitigationState>((value) => typeof value === 'string') }),
);
/** What incidents/handover.ts wrote into the timeline. */
const Facts = z.object({
  state: z.string(),
  severity: z.string(),
  lead: z.string().nullable(),
  p95Ms: z.number().nullable(),
  objectiveMs: z.number(),
  worstP95Ms: z.number().nullable(),
  cause: z.string().nullable(),
  ruledOut: Lines,
  couldNotLook: Lines,
  tried: Changes,
  pending: Changes,
  undos: Lines,
  notes: Lines,
}) satisfies z.ZodType<HandoverFacts>;

/** A handover in the thread, as it was when it was made. */
export function handoverMessage(incidentId: number, entry: TimelineEntry): Rendered {
  const facts = Facts.parse(entry.data);
  const lead = facts.lead ? mention(facts.lead) : 'nobody';
  const body: MessageBlock[] = [
    header(`Handover of INC-${incidentId}`),
    fields([
      `*State*\n${facts.state}, ${facts.severity}`,
      `*Lead*\n${lead}`,
      `*p95*\n${milliseconds(facts.p95Ms)} (objective ${milliseconds(facts.objectiveMs)})`,
      `*Worst p95*\n${milliseconds(facts.worstP95Ms)}`,
    ]),
    section(`*Cause:* ${escapeText(clip(facts.cause ?? 'not known yet', 900))}`),
    ...list('Waits for somebody', facts.pending.map(change), 'Nothing waits for an approval.'),
    ...list('Done or tried', facts.tried.map(change), 'Nothing was tried yet.'),
    ...list('Changed and not taken back', facts.undos),
    ...list('Watch', watchList(facts)),
    ...list('Notes', facts.notes.slice(-MAX_LINES)),
    ...(facts.ruledOut.length > 0 ? [context(`*Ruled out:* ${ids(facts.ruledOut)}`)] : []),
    ...(facts.couldNotLook.length > 0 ? [context(`*Could not look:* ${ids(facts.couldNotLook)}`)] : []),
    context(`By ${mention(entry.actor)} ${when(entry.at)}`),
  ];
  const waits = facts.pending.length > 0 ? ` ${facts.pending.length} waiting.` : '';
  const text = `Handover of INC-${incidentId}: ${facts.state}, ${facts.severity}, lead ${lead}. ${escapeText(clip(facts.cause ?? 'No cause is known yet.', 900))}${waits}`;
  return { text, blocks: fitBlocks(body, []) };
}

const change = (row: HandoverFacts['tried'][number]) => `${mitigationState(row)}: ${row.title}`;

/** What the next person keeps an eye on. */
function watchList(facts: HandoverFacts): string[] {
  const slow = facts.p95Ms === null || facts.p95Ms > facts.objectiveMs;
  return [
    ...(facts.p95Ms === null ? ['The latency is not measured: look whether metrics arrive.'] : []),
    ...(facts.p95Ms !== null && slow ? ['p95 is still above its objective.'] : []),
    ...(facts.state === 'monitoring' ? ['It resolves itself once p95 stayed within its objective.'] : []),
    ...(facts.undos.length > 0 ? ['What was changed has to be taken back, or kept on purpose.'] : []),
    ...(facts.lead === null ? ['Nobody leads.'] : []),
  ];
}

function list(title: string, lines: readonly string[], none?: string): MessageBlock[] {
  if (lines.length === 0) return none ? [section(`*${title}:* ${none}`)] : [];
  const more = lines.length > MAX_LINES ? [`and ${lines.length - MAX_LINES} more`] : [];
  return [bullets([...lines.slice(0, MAX_LINES), ...more], title, 240)];
}

const ids = (names: readonly string[]): string => escapeText(names.join(', '));
