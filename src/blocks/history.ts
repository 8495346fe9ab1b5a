import type { PastIncident } from '../store/history.ts';
import { clip, clipMarkup, escapeText, joinLines, link, milliseconds, when } from './text.ts';

const MAX_CHARACTERS = 3_800;
const MAX_DONE = 2;

/** The answer to `/latency history`; `links` holds the address of each card that has one. */
export function historyText(
  title: string,
  incidents: readonly PastIncident[],
  links: ReadonlyMap<number, string>,
): string {
  if (incidents.length === 0) return `${escapeText(title)} has had no incident yet.`;
  const lines = incidents.map((one) => line(one, links.get(one.id)));
  return joinLines([`*The last incidents of ${escapeText(title)}*`, ...lines], MAX_CHARACTERS);
}

function line(one: PastIncident, url: string | undefined): string {
  const name = `INC-${one.id}`;
  const cause = one.causeId === null ? 'no cause proven' : `\`${escapeText(one.causeId)}\``;
  const shown = one.done.slice(-MAX_DONE).map((title) => escapeText(clip(title, 120)));
  const more = one.done.length > MAX_DONE ? ` and ${one.done.length - MAX_DONE} more` : '';
  const done = one.done.length === 0 ? 'nothing changed by the bot' : `${shown.join('; ')}${more}`;
  const lasted =
    one.state === 'resolved' ? milliseconds(one.lastedMs) : `open for ${milliseconds(one.lastedMs)}`;
  const text = `• ${url ? link(url, name) : name} ${when(one.openedAt, '{date_short_pretty} {time}')}, ${one.severity}, ${lasted}: ${cause}, worst p95 ${milliseconds(one.worstP95Ms)}; ${done}`;
  return clipMarkup(text, 600);
}
