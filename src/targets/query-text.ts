import { fingerprint, normalize, parse, scan } from 'libpg-query';
import type { SafeQuery } from './backend.ts';
import { maskText } from './mask-text.ts';

const SHOWN_CHARACTERS = 300;
/** Parsing a long text would block the event loop; a mask is enough for it. */
const PARSED_CHARACTERS = 20_000;

// Token types of PostgreSQL's scanner (src/include/parser/kwlist.h order, as libpg-query 18 numbers them).
const LITERALS = new Set([260, 261, 262, 263, 264, 266]);
const COMMENTS = new Set([275, 276]);

// What PostgreSQL itself writes in place of a statement (src/backend/utils/adt/pgstatfuncs.c). Anything else that begins
// alike was sent by somebody.
const SYSTEM_TEXTS = new Set([
  '<insufficient privilege>',
  '<backend information not available>',
  '<command string not enabled>',
]);
// As autovac_report_activity() and autovac_report_workitem() write it; a name that would need quotes is masked.
const NAME = '[A-Za-z_\\u0080-\\uffff][\\w$\\u0080-\\uffff]*';
const AUTOVACUUM = new RegExp(
  `^autovacuum: (?:VACUUM|ANALYZE|VACUUM ANALYZE|BRIN summarize) ${NAME}\\.${NAME}(?: \\d{1,10})?(?: \\(to prevent wraparound\\))?$`,
);

/** Makes a statement safe to show: without literals and comments, at most 300 characters. */
export async function safeQuery(text: string, options: { truncated?: boolean } = {}): Promise<SafeQuery> {
  if (text === '' || SYSTEM_TEXTS.has(text) || AUTOVACUUM.test(text)) {
    return { text: cut(text), fingerprint: null, how: 'system' };
  }
  if (options.truncated) return { text: masked(text), fingerprint: null, how: 'truncated' };
  const parsed = text.length > PARSED_CHARACTERS ? null : await parsedQuery(text);
  return parsed ?? { text: masked(text), fingerprint: null, how: 'masked' };
}

/** Null when PostgreSQL's parser rejects the text. Its message quotes the literal, so it goes nowhere. */
async function parsedQuery(text: string): Promise<SafeQuery | null> {
  try {
    // normalize() resolves with an error text on some broken input; parse() is the one that rejects.
    await parse(text);
    const normalized = await normalize(text);
    return {
      text: cut(await withoutLiterals(normalized)),
      fingerprint: await fingerprint(text),
      how: 'parsed',
    };
  } catch {
    return null;
  }
}

/** normalize() keeps comments, and the literals of COPY, PREPARE, EXECUTE and CREATE TABLE AS. */
async function withoutLiterals(normalized: string): Promise<string> {
  const { tokens } = await scan(normalized);
  let shown = '';
  let from = 0;
  for (const { tokenType, start, end } of tokens) {
    if (!LITERALS.has(tokenType) && !COMMENTS.has(tokenType)) continue;
    shown += normalized.slice(from, start) + (LITERALS.has(tokenType) ? '?' : ' ');
    from = end;
  }
  return (shown + normalized.slice(from)).replace(/\s+/g, ' ').trim();
}

function masked(text: string): string {
  // Four times what is shown: comments and long literals shrink to nothing.
  return cut(maskText(text.slice(0, 4 * SHOWN_CHARACTERS)));
}

function cut(text: string): string {
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS - 1)}…` : text;
}
