import { z } from 'zod';

/** A URL with one of these protocols; `what` names it in errors. */
export const Url = (protocols: string[], what: string) =>
  z.string().refine((text) => protocols.some((p) => text.startsWith(`${p}://`)), {
    error: `expected ${what} (${protocols.map((p) => `${p}://…`).join(' or ')})`,
  });

export const SlackUser = z.string().regex(/^[UW][A-Z0-9]+$/, 'expected a Slack user id such as U012AB3CD');
export const SlackUserGroup = z
  .string()
  .regex(/^S[A-Z0-9]+$/, 'expected a Slack user group id such as S012AB3CD');
export const SlackChannel = z
  .string()
  .regex(/^[CG][A-Z0-9]+$/, 'expected a Slack channel id such as C012AB3CD');

/** `90s`, `5m`, `1h` or a number of milliseconds; read as milliseconds. */
const Duration = z
  .union([
    z.int().nonnegative(),
    z.string().regex(/^\d+(ms|s|m|h)$/, 'expected a duration such as 500ms, 30s, 5m or 1h'),
  ])
  .meta({ title: 'duration' })
  .transform((value) => {
    if (typeof value === 'number') return value;
    const [, amount = '0', unit = 'ms'] = /^(\d+)(ms|s|m|h)$/.exec(value) ?? [];
    const scale = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[unit] ?? 1;
    return Number(amount) * scale;
  });

/** A duration with its default and its limits in milliseconds. */
export const duration = (fallback: string, minMs: number, maxMs: number) =>
  Duration.pipe(
    z.int().min(minMs, `expected at least ${minMs} ms`).max(maxMs, `expected at most ${maxMs} ms`),
  ).prefault(fallback);
