import { z } from 'zod';
import { maskText } from '../targets/mask-text.ts';
import { withoutSecrets } from '../telemetry/log.ts';

const MAX_TITLE = 300;
const MAX_LABELS = 64;
const MAX_LABEL_NAME = 100;
const MAX_LABEL_VALUE = 400;
const MAX_LINK = 1_000;

/** Text of a person who wrote a rule: cut, and without secrets. */
export function plainText(text: string, max = MAX_TITLE): string {
  const short = withoutSecrets(text.slice(0, 2 * max + 200)).trim();
  return short.length > max ? `${short.slice(0, max - 1)}…` : short;
}

/** Text of an exception, which quotes what people entered: every literal is masked. */
export function exceptionText(text: string): string {
  return plainText(maskText(text.slice(0, 2 * MAX_TITLE)));
}

/** A time as text, seconds or milliseconds; null for none, the zero time and nonsense. Never later than `now`. */
export function pastInstant(value: unknown, now: Date): Date | null {
  const date =
    typeof value === 'number'
      ? new Date(value < 1e11 ? value * 1_000 : value)
      : new Date(String(value ?? ''));
  if (Number.isNaN(date.getTime()) || date.getUTCFullYear() < 2000) return null;
  return date > now ? now : date;
}

/** Labels whose values are text or numbers; names that begin with `__` are the sender's own. */
export function labelsOf(record: Record<string, unknown> | null | undefined): Map<string, string> {
  const labels = new Map<string, string>();
  for (const [name, value] of Object.entries(record ?? {})) {
    if (labels.size >= MAX_LABELS) break;
    if (name.startsWith('__') || (typeof value !== 'string' && typeof value !== 'number')) continue;
    labels.set(plainText(name, MAX_LABEL_NAME), plainText(String(value), MAX_LABEL_VALUE));
  }
  return labels;
}

/** Links that a browser may open; everything else is left out. */
export function linksOf(...links: unknown[]): string[] {
  return links.flatMap((link) => {
    if (typeof link !== 'string' || link.length > MAX_LINK || !/^https?:\/\//.test(link)) return [];
    return URL.canParse(link) ? [withoutSecrets(new URL(link).href)] : [];
  });
}

/** A number, or a text that begins with one. */
export function numberOf(value: unknown): number | null {
  const text = typeof value === 'number' ? String(value) : typeof value === 'string' ? value : '';
  const found = /^\s*(-?\d{1,18}(?:\.\d{1,18})?(?:e[+-]?\d{1,3})?)/i.exec(text)?.[1];
  const number = Number(found);
  return found !== undefined && Number.isFinite(number) ? number : null;
}

export const Text = z.string().max(100_000);
/** An object of which only some members matter; `__proto__` stays a member like any other. */
export const Members = z.custom<Record<string, unknown>>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
);

const MAX_SHAPE = 2_000;
const MAX_DEPTH = 6;

/** The shape of a body that could not be read: names of members and types, no value of it. */
export function shapeOf(value: unknown, depth = 0): string {
  if (Array.isArray(value)) {
    const first = value.length > 0 && depth < MAX_DEPTH ? shapeOf(value[0], depth + 1) : '';
    return `[${value.length} × ${first}]`;
  }
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value;
  if (depth >= MAX_DEPTH) return '{…}';
  const members = Object.entries(value)
    .slice(0, 40)
    .map(([name, inner]) => `${plainText(name, 40)}: ${shapeOf(inner, depth + 1)}`);
  return `{${members.join(', ')}}`.slice(0, MAX_SHAPE);
}
