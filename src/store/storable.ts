/** What PostgreSQL's text can hold of a string: no NUL, and no half of a surrogate pair. */
export function storableText(text: string): string {
  return text.replaceAll('\u0000', '').replace(/[\ud800-\udfff]/gu, '\ufffd');
}

// JSON.stringify escapes just what jsonb refuses, and only that as \ud800 to \udfff; an escaped backslash is
// consumed by the last branch, so that what follows it stays text.
const ESCAPES = /\\(u0000|ud[89a-f][0-9a-f]{2}|.)/g;

/** A value as JSON that PostgreSQL's jsonb takes, whatever strings came from outside. */
export function storableJson(value: unknown): string {
  return JSON.stringify(value).replace(ESCAPES, (whole, body: string) => {
    if (body === 'u0000') return '';
    return body.length === 5 ? '\ufffd' : whole;
  });
}
