import type { IncidentView } from '../incidents/view.ts';
import type { TimelineEntry } from '../store/timeline.ts';
import {
  clip,
  escapeText,
  type MessageBlock,
  mention,
  milliseconds,
  type Rendered,
  section,
  when,
} from './kit.ts';

const CHARACTERS_PER_BLOCK = 2_600;
/** The newest part is shown; the whole stands in the record. */
const MAX_BLOCKS = 3;

/** What happened, in order, in one message of the thread. */
export function timelineMessage(view: IncidentView): Rendered {
  const lines = view.timeline.map((entry) => `${when(entry.at)}  ${timelineLine(entry)}`);
  const chunks: string[] = [];
  for (const line of lines) {
    const last = chunks.at(-1);
    if (last !== undefined && last.length + line.length < CHARACTERS_PER_BLOCK)
      chunks[chunks.length - 1] = `${last}\n${line}`;
    else chunks.push(line);
  }
  const shown = chunks.slice(-MAX_BLOCKS);
  const cut = chunks.length > shown.length ? ['_Earlier entries are in the record of the incident._'] : [];
  const blocks: MessageBlock[] = ['*Timeline*', ...cut, ...shown].map((text) => section(text));
  const newest = view.timeline.at(-1);
  return {
    text: `Timeline of INC-${view.incident.id}. Last: ${newest ? timelineLine(newest) : 'nothing yet'}`,
    blocks,
  };
}

/** One entry in words, as mrkdwn with everything from outside escaped. */
export function timelineLine(entry: TimelineEntry): string {
  const { data } = entry;
  const actor = mention(entry.actor);
  const text = (key: string, max = 300) => escapeText(clip(String(data[key] ?? ''), max));
  const p95 = typeof data.p95Ms === 'number' ? ` p95 ${milliseconds(data.p95Ms)}.` : '';
  const lines: Record<string, string> = {
    opened: `Incident opened by ${actor}: ${text('title')}`,
    joined: `Trigger joined, by ${actor}: ${text('title')}`,
    'run-started': `Run ${text('runId')} of the runbook started by ${actor}`,
    diagnosed: `Diagnosis: ${text('summary', 500) || text('verdict')}${p95}`,
    'lead-taken': `${actor} leads`,
    requested: `${actor} asked for: ${text('title')}. Reason: ${text('reason')}`,
    approved: `${actor} approved: ${text('title')}`,
    denied: `${actor} denied: ${text('title')}`,
    expired: `Expired: ${text('title')}`,
    refused: `Refused: ${text('title')}, ${text('reason')}`,
    executing: `Running: ${text('title')}`,
    succeeded: `Done: ${text('title')}. ${text('detail')}`,
    failed: `Failed: ${text('title')}. ${text('detail')}`,
    'target-changed': `Target changed, nothing was done: ${text('title')}. ${text('detail') || text('reason')}`,
    interrupted: `Interrupted: ${text('title')}. Looking whether it took effect; it is not repeated`,
    recovered: `Latency recovered.${p95}`,
    'not-recovered': `Latency did not recover.${p95}`,
    resolved: `Resolved by ${actor}`,
  };
  return lines[entry.kind] ?? escapeText(entry.kind);
}
