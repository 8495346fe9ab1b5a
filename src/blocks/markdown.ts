import { oneLine } from './text.ts';

/** Outside text for Markdown, in one line: nothing in it is a link, a heading, a list or HTML. */
export function markdownText(text: string): string {
  return oneLine(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replace(/[\\`*_{}[\]#|~!]/g, '\\$&')
    .replace(/^([-+]|\d+[.)])/, '\\$1');
}

/** Finished mrkdwn as Markdown: people by their ids, no formatting. */
export function markdownOf(mrkdwn: string): string {
  const words = mrkdwn
    .replace(/<@(\w+)>/g, '$1')
    .replace(/<!subteam\^(\w+)>/g, '$1')
    .replace(/<!date\^\d+\^[^|>]*\|([^>]*)>/g, '$1')
    .replace(/[`*]/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
  return markdownText(words);
}

/** "2026-11-23 03:12:00 UTC": the same for every reader of a file. */
export function utc(at: Date): string {
  return `${at.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** Whole paragraphs in pieces of at most `max` characters. */
export function pieces(markdown: string, max: number): string[] {
  const lines = markdown.split('\n').flatMap((line) => line.match(new RegExp(`.{1,${max}}`, 'gsu')) ?? ['']);
  const found: string[] = [];
  for (const line of lines) {
    const last = found.at(-1);
    if (last !== undefined && last.length + line.length + 1 <= max)
      found[found.length - 1] = `${last}\n${line}`;
    else found.push(line);
  }
  return found;
}
