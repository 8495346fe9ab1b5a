import type { ListedAlert } from '../store/alerts.ts';
import { context, type MessageBlock } from './kit.ts';
import { clip, escapeText, link } from './text.ts';

const MAX_SHOWN = 3;

/** What senders say of the incident, those that still fire first, the newest before the others. */
export function alertLines(alerts: readonly ListedAlert[]): MessageBlock[] {
  const sent = alerts.filter(({ status }) => status !== null).toReversed();
  const ordered = [
    ...sent.filter(({ status }) => status === 'firing'),
    ...sent.filter(({ status }) => status !== 'firing'),
  ];
  if (ordered.length === 0) return [];
  const more = ordered.length > MAX_SHOWN ? [`and ${ordered.length - MAX_SHOWN} more`] : [];
  return [context(['*Alerts*', ...ordered.slice(0, MAX_SHOWN).map(line), ...more].join('\n'))];
}

function line({ source, title, status, count, data }: ListedAlert): string {
  const words = clip(title, 150);
  const [url] = data.links ?? [];
  // What a sender may link to is checked where it comes in.
  const named = url && url.length <= 500 ? link(url, words) : escapeText(words);
  return `${named} (${escapeText(source)}, ${status}${count > 1 ? `, ${count} times` : ''})`;
}
