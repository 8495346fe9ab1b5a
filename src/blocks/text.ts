import { duration, percent as share } from '../diagnosis/words.ts';

// Controls, format characters (bidirectional overrides, zero-width characters, tags), lone surrogates and private use:
// nothing that could make quoted text look like ours, or that Slack refuses. Newline and tab stay.
const UNSAFE = /[\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]|(?![\t\n])\p{Cc}/gu;

/** Text without the characters that fool a reader; keeps its lines. */
export function clean(text: string): string {
  return text.replace(UNSAFE, '');
}

/** Outside text in one line, so that no part of it can pose as a line of ours. */
export function oneLine(text: string): string {
  return clean(text.replace(/\s+/g, ' ')).trim();
}

/**
 * Outside text for mrkdwn: no mention, no link, no look-alike. Slack has no escape for `*`, `~` and backticks, so these
 * become their look-alikes that format nothing.
 */
export function escapeText(text: string): string {
  return oneLine(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('`', "'")
    .replaceAll('*', '\u2217')
    .replaceAll('~', '\u223c');
}

/** Cuts to at most `max` UTF-16 units with an ellipsis, never through a surrogate pair. */
export function clip(text: string, max: number): string {
  if (text.length <= max) return text;
  const cut = text.slice(0, max - 1);
  return `${/[\ud800-\udbff]$/.test(cut) ? cut.slice(0, -1) : cut}…`;
}

/** `clip` for finished mrkdwn: never through an entity or between the angle brackets of a mention or a date. */
export function clipMarkup(text: string, max: number): string {
  if (text.length <= max) return text;
  const cut = clip(text, max).slice(0, -1);
  return `${cut.replace(/&[a-z]*$/, '').replace(/<[^>]*$/, '')}…`;
}

/** As many whole lines as fit, and how many do not. */
export function joinLines(lines: string[], max: number): string {
  const kept: string[] = [];
  let length = 0;
  for (const [i, line] of lines.entries()) {
    const rest = `… and ${lines.length - i} more`;
    if (length + line.length + rest.length + 2 > max) return [...kept, rest].join('\n');
    kept.push(line);
    length += line.length + 1;
  }
  return kept.join('\n');
}

/** A link of ours, to an address from the configuration. */
export function link(url: string, title: string): string {
  const safe = url.replace(/[\s<>|]/g, encodeURIComponent).replaceAll('&', '&amp;');
  return `<${safe}|${escapeText(title) || safe}>`;
}

/** A time in the reader's own zone. */
export function when(at: Date, format = '{time_secs}'): string {
  const fallback = at.toISOString().slice(11, 19);
  return `<!date^${Math.floor(at.getTime() / 1_000)}^${format}|${fallback} UTC>`;
}

/** A Slack user or user group as a mention; a mention inside a block that is edited notifies nobody again. */
export function mention(id: string): string {
  if (/^[UW][A-Z0-9]+$/.test(id)) return `<@${id}>`;
  if (/^S[A-Z0-9]+$/.test(id)) return `<!subteam^${id}>`;
  return id === 'latency-bot' ? 'Latency Bot' : escapeText(id);
}

/** Milliseconds as people say them: "850 ms", "4.2 s", "3 min 10 s". */
export function milliseconds(ms: number | null | undefined): string {
  return ms === null || ms === undefined || !Number.isFinite(ms) ? 'not measured' : duration(ms);
}

export function percent(ratio: number | null): string {
  return ratio === null || !Number.isFinite(ratio) ? 'unknown' : share(ratio);
}
