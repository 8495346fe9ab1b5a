import type { KnownStatement } from '../incidents/explain-one.ts';
import { clip, escapeText, joinLines, milliseconds } from './text.ts';

const MAX_CHARACTERS = 3_800;
const MAX_STATEMENTS = 12;
const QUERY_CHARACTERS = 160;

/** The private answer to `explain` alone: what can be named. */
export function knownStatementsText(title: string, statements: readonly KnownStatement[]): string {
  if (statements.length === 0) {
    return `No statement of ${escapeText(title)} has been seen yet. \`/latency probe top-statements\` looks for them.`;
  }
  const head = `\`/latency explain &lt;fingerprint&gt;\` shows the plan of one. Seen last in ${escapeText(title)}:`;
  return joinLines([head, ...statements.slice(0, MAX_STATEMENTS).map(line)], MAX_CHARACTERS);
}

/** For a part of a fingerprint that several have. */
export function ambiguousStatementText(statements: readonly KnownStatement[]): string {
  const lines = statements.slice(0, MAX_STATEMENTS).map(line);
  return joinLines(['Several statements begin like this. Add more letters:', ...lines], MAX_CHARACTERS);
}

export function notAFingerprintText(word: string): string {
  const typed = clip(word, 60).replace(/[^\w-]/g, '');
  return `\`${typed}\` is no fingerprint of a statement: those are at least six of the letters a to f and digits. \`/latency explain\` lists the statements seen last.`;
}

/** Told at once, while the plan is being asked for. */
export function explainingText(service: { title: string; window: number }): string {
  return `Planning it now on the database of ${escapeText(service.title)}, about ${milliseconds(service.window)}. It is not run, and the report is not kept.`;
}

function line({ fingerprint, text }: KnownStatement): string {
  return `• \`${escapeText(clip(fingerprint, 40))}\` ${escapeText(clip(text, QUERY_CHARACTERS))}`;
}
