// Each rule reads one token at the start of the rest of the text. An unterminated one swallows the rest: half a
// literal is still a literal. The order matters.
const RULES: [token: RegExp, shown: string | null][] = [
  [/^--[^\n]*/, ' '],
  [/^(?:[eE])'(?:[^'\\]|''|\\[\s\S])*(?:'|\\?$)/, '?'],
  [/^(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*(?:'|$)/, '?'],
  [/^"(?:[^"]|"")*"/, null],
  [/^"[\s\S]*$/, '"?'],
  [/^\$\d+/, null],
  [/^(?:\d|\.\d)[\dA-Za-z_.]*(?:(?<=[eE])[+-]\d*[\dA-Za-z_.]*)?/, '?'],
  [/^[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/, null],
];
const DOLLAR_QUOTE = /^\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/;

/**
 * Masks every literal and comment of a text that PostgreSQL's parser cannot read, such as a cut one. Never throws.
 * It knows too little to be clever: whatever looks like the inside of a literal goes.
 */
export function maskText(text: string): string {
  let shown = '';
  for (let at = 0; at < text.length; ) {
    const rest = text.slice(at);
    const skipped = blockComment(rest) ?? dollarQuoted(rest);
    if (skipped) {
      shown += skipped.shown;
      at += skipped.length;
      continue;
    }
    const rule = RULES.find(([token]) => token.test(rest));
    const token = rule?.[0].exec(rest)?.[0] ?? rest.charAt(0);
    shown += rule?.[1] ?? token;
    at += token.length;
  }
  return shown.replace(/\s+/g, ' ').trim();
}

interface Skipped {
  shown: string;
  length: number;
}

/** Comments nest in PostgreSQL. */
function blockComment(rest: string): Skipped | null {
  if (!rest.startsWith('/*')) return null;
  let depth = 0;
  for (const { 0: mark, index } of rest.matchAll(/\/\*|\*\//g)) {
    depth += mark === '/*' ? 1 : -1;
    if (depth === 0) return { shown: ' ', length: index + 2 };
  }
  return { shown: ' ', length: rest.length };
}

function dollarQuoted(rest: string): Skipped | null {
  const tag = DOLLAR_QUOTE.exec(rest)?.[0];
  if (tag === undefined) return null;
  const end = rest.indexOf(tag, tag.length);
  return { shown: '?', length: end < 0 ? rest.length : end + tag.length };
}
