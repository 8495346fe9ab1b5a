/**
 * Slack's mrkdwn as `rich_text` elements, which is what Slack itself makes of it. The block library has a
 * mrkdwn parser of its own, but that one rewrites `*` inside code and un-escapes `&lt;` before it looks for
 * mentions; SQL and log lines do not survive it.
 */

interface Style {
  bold?: true;
  italic?: true;
  strike?: true;
  code?: true;
}

/** An inline element of `rich_text`. */
export type Inline =
  | { type: 'text'; text: string; style?: Style }
  | { type: 'link'; url: string; text?: string; style?: Style }
  | { type: 'user'; user_id: string; style?: Style }
  | { type: 'channel'; channel_id: string; style?: Style }
  | { type: 'usergroup'; usergroup_id: string; style?: Style }
  | { type: 'broadcast'; range: string; style?: Style }
  | { type: 'emoji'; name: string }
  | { type: 'date'; timestamp: number; format: string; style?: Style };

/** A part of a `rich_text` block. */
export interface RichPart {
  type: 'rich_text_section' | 'rich_text_preformatted' | 'rich_text_quote';
  elements: Inline[];
}

const FENCE = /```\n?([\s\S]*?)\n?```/g;
const QUOTED = /^(?:&gt;|>) ?/;
const EMOJI = /(?<!\w):([a-z+][a-z0-9_+'-]*):/gi;
const INLINE =
  /`([^`\n]+)`|<([^<>\n]+)>|(?<!\w):([a-z+][a-z0-9_+'-]*):|(?<![\w*])\*(?=\S)((?:`[^`\n]*`|[^*\n])*?\S)\*(?![\w*])|(?<!\w)_(?=\S)((?:`[^`\n]*`|[^_\n]|\w_\w)*?\S)_(?!\w)|(?<![\w~])~(?=\S)((?:`[^`\n]*`|[^~\n])*?\S)~(?![\w~])/gi;

/** The parts of a mrkdwn text: sections, quotes and code blocks in order. */
export function richText(mrkdwn: string): RichPart[] {
  const parts: RichPart[] = [];
  let end = 0;
  for (const fence of mrkdwn.matchAll(FENCE)) {
    parts.push(...proseParts(mrkdwn.slice(end, fence.index).replace(/\n$/, '')));
    parts.push({
      type: 'rich_text_preformatted',
      elements: [{ type: 'text', text: unescapeText(fence[1] ?? '') }],
    });
    end = fence.index + fence[0].length;
  }
  const rest = end === 0 ? mrkdwn : mrkdwn.slice(end).replace(/^\n/, '');
  return [...parts, ...proseParts(rest)];
}

/** True where `plainText` would find an emoji. */
export function hasEmoji(text: string): boolean {
  return text.search(EMOJI) !== -1;
}

/** Plain text with its `:emoji:` as `rich_text` elements. */
export function plainText(text: string): RichPart[] {
  const elements: Inline[] = [];
  let end = 0;
  for (const match of text.matchAll(EMOJI)) {
    pushText(elements, text.slice(end, match.index), {});
    elements.push({ type: 'emoji', name: match[1] ?? '' });
    end = match.index + match[0].length;
  }
  pushText(elements, text.slice(end), {});
  return [{ type: 'rich_text_section', elements }];
}

function proseParts(text: string): RichPart[] {
  if (text === '') return [];
  const parts: { quote: boolean; lines: string[] }[] = [];
  for (const line of text.split('\n')) {
    const quote = QUOTED.test(line);
    const last = parts.at(-1);
    const bare = quote ? line.replace(QUOTED, '') : line;
    if (last && last.quote === quote) last.lines.push(bare);
    else parts.push({ quote, lines: [bare] });
  }
  return parts.map((part) => ({
    type: part.quote ? 'rich_text_quote' : 'rich_text_section',
    elements: inlines(part.lines.join('\n'), {}),
  }));
}

function inlines(text: string, style: Style): Inline[] {
  const elements: Inline[] = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    const [whole, code, angle, emoji, bold, italic, strike] = match;
    pushText(elements, text.slice(end, match.index), style);
    if (code !== undefined) pushText(elements, code, { ...style, code: true });
    else if (angle !== undefined) elements.push(angleElement(angle, style));
    else if (emoji !== undefined) elements.push({ type: 'emoji', name: emoji });
    else if (bold !== undefined) elements.push(...inlines(bold, { ...style, bold: true }));
    else if (italic !== undefined) elements.push(...inlines(italic, { ...style, italic: true }));
    else if (strike !== undefined) elements.push(...inlines(strike, { ...style, strike: true }));
    end = match.index + whole.length;
  }
  pushText(elements, text.slice(end), style);
  return elements;
}

function angleElement(inside: string, style: Style): Inline {
  const [target = '', label] = inside.split('|', 2);
  const date = /^!date\^(\d+)\^([^^]*)/.exec(target);
  if (date) return { type: 'date', timestamp: Number(date[1]), format: date[2] ?? '', style };
  // Slack itself writes the handle behind the id.
  if (target.startsWith('!subteam^') && label) return { type: 'text', text: unescapeText(label), style };
  if (target.startsWith('!subteam^')) return { type: 'usergroup', usergroup_id: target.slice(9), style };
  if (target.startsWith('!')) return { type: 'broadcast', range: target.slice(1), style };
  if (target.startsWith('@')) return { type: 'user', user_id: target.slice(1), style };
  if (target.startsWith('#')) return { type: 'channel', channel_id: target.slice(1), style };
  // Only real addresses become links: a `javascript:` one must stay text.
  if (!/^(https?:|mailto:)/i.test(target))
    return { type: 'text', text: unescapeText(label ?? target), style };
  return { type: 'link', url: unescapeText(target), text: unescapeText(label ?? target), style };
}

function pushText(elements: Inline[], text: string, style: Style): void {
  if (text !== '') elements.push({ type: 'text', text: unescapeText(text), style });
}

/** Text as it was before Slack escaped it. */
export function unescapeText(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}
