import type { IncidentView } from '../incidents/view.ts';
import type { TimelineEntry } from '../store/timeline.ts';
import { LIMITS, type MessageBlock, type Rendered, section } from './kit.ts';
import { clip, escapeText, link, mention, milliseconds, when } from './text.ts';

const CHARACTERS_PER_BLOCK = 2_900;
/** Of all lines as JSON, which doubles quotes; the newest part is shown, the whole stands in the record. */
const MAX_CHARACTERS = LIMITS.message - 1_500;

/** What happened, in order, in one message of the thread. */
export function timelineMessage(view: IncidentView): Rendered {
  const lines = view.timeline.map((entry) => `${when(entry.at)}  ${timelineLine(entry)}`);
  const shown = newestThatFit(lines);
  const chunks: string[] = [];
  for (const line of shown) {
    const last = chunks.at(-1);
    if (last !== undefined && last.length + line.length < CHARACTERS_PER_BLOCK)
      chunks[chunks.length - 1] = `${last}\n${line}`;
    else chunks.push(line);
  }
  const hidden = lines.length - shown.length;
  const cut = hidden > 0 ? [`_${hidden} earlier entries are kept with the incident._`] : [];
  const blocks: MessageBlock[] = ['*Timeline*', ...cut, ...chunks].map((text) => section(text));
  const newest = view.timeline.at(-1);
  return {
    text: `Timeline of INC-${view.incident.id}. Last: ${newest ? timelineLine(newest) : 'nothing yet'}`,
    blocks,
  };
}

function newestThatFit(lines: string[]): string[] {
  let characters = 0;
  const first = lines.findLastIndex((line) => {
    characters += JSON.stringify(line).length;
    return characters > MAX_CHARACTERS;
  });
  return lines.slice(first + 1);
}

/** One entry in words, as mrkdwn with everything from outside escaped. */
export function timelineLine(entry: TimelineEntry): string {
  const { data } = entry;
  const actor = mention(entry.actor);
  const text = (key: string, max = 240) => escapeText(clip(String(data[key] ?? ''), max));
  const p95 = typeof data.p95Ms === 'number' ? ` p95 ${milliseconds(data.p95Ms)}.` : '';
  const lines: Record<string, string> = {
    opened: `Incident opened by ${actor}: ${text('title')}`,
    joined: `Trigger joined, by ${actor}: ${text('title')}`,
    'run-started': `Run ${text('runId')} of the runbook started by ${actor}`,
    'probe-started': `${actor} has \`${text('probeId')}\` look (run ${text('runId')})`,
    'probe-finished': `\`${text('probeId')}\` ${data.status === 'answered' ? 'looked; its report is in the thread' : `could not look: ${text('reason')}`} (run ${text('runId')})`,
    'run-abandoned': `Run ${text('runId')} could not be finished and was given up`,
    diagnosed: `Diagnosis: ${text('summary', 400) || text('verdict')}${p95}`,
    'lead-taken': `${actor} leads`,
    requested: `${actor} asked for: ${text('title')}. Reason: ${text('reason')}`,
    approved: `${actor} approved: ${text('title')}`,
    'break-glass': `*Break-glass*: ${actor} acts without an approval: ${text('title')}. Reason: ${text('reason')}`,
    frozen: `${actor} froze all changes${data.reason ? `. Reason: ${text('reason')}` : ''}`,
    unfrozen: `${actor} lifted the freeze`,
    denied: `${actor} denied: ${text('title')}`,
    expired: `Expired: ${text('title')}`,
    refused: `Refused: ${text('title')}, ${text('reason')}`,
    executing: `Running: ${text('title')}`,
    succeeded: `Done: ${text('title')}. ${text('detail')}`,
    failed: `Failed: ${text('title')}. ${text('detail')}`,
    'target-changed': `Target changed, nothing was done: ${text('title')}. ${text('detail') || text('reason')}`,
    interrupted: `Interrupted: ${text('title')}. Looking whether it took effect; it is not repeated`,
    recovered: `Latency recovered.${p95}`,
    'not-recovered':
      data.p95Ms === null
        ? 'Whether latency recovered could not be seen: it could not be measured'
        : `Latency did not recover.${p95}`,
    resolved: `Resolved by ${actor}${data.words ? `: ${text('words', 600)}` : ''}.${p95}`,
    'lead-assigned': `${actor} made ${mention(String(data.lead ?? ''))} the lead`,
    occasion: `${actor} ${typeof data.url === 'string' ? `pointed at ${link(data.url, 'a message')}` : 'said'}: ${text('text', 600) || 'no words'}`,
    note: `${actor} noted: ${text('text', 900)}`,
    severity: `Severity ${text('to')}${data.from === data.to ? '' : ` instead of ${text('from')}`}, by ${actor}: ${text('reason')}`,
    'on-call-called': 'The people on call were called',
    'alerts-joined': `Alerts joined (${text('alerts')}), of ${actor}: ${text('title')}`,
    'alert-again': `An alert of ${actor} fires again: ${text('title')}. Back to investigating`,
    reopened: `Opened again by an alert of ${actor}: ${text('title')}`,
    'alerts-resolved': 'All alerts are resolved; the latency is watched from here on',
    'slow-again': `Slow again.${p95} Back to investigating`,
    handover: `${actor} wrote a handover; it is in the thread`,
    moved: `Shown here because <#${text('from')}> cannot be posted to (${text('reason')})`,
    reminded: `People were reminded: ${{ 'no-lead': 'nobody leads', 'open-undo': 'something is still changed', 'no-report': 'nobody has opened the report' }[String(data.of)] ?? text('of')}`,
    'report-asked': `${actor} asked for the report; it is in the thread`,
    'stop-asked': `${actor} asked to stop: ${text('title')}`,
    'undo-offered': `${actor} wants to take a change back: ${text('title')}`,
    'time-box-over': `The time it was approved for is over: ${text('title')}`,
    undone: `Taken back: ${text('title')}`,
    'gameday-over': `Game day over. It was: ${text('title')}`,
  };
  return (Object.hasOwn(lines, entry.kind) ? lines[entry.kind] : undefined) ?? escapeText(entry.kind);
}
