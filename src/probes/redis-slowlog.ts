import { z } from 'zod';

const RECENT_SECONDS = 600;
const MAX_COMMANDS = 10;

/** Slow commands of one name. Arguments are keys and values: none of them is kept, only how many there were. */
const SlowCommand = z.object({
  command: z.string(),
  count: z.int(),
  maxMs: z.number(),
  totalMs: z.number(),
  maxArguments: z.int(),
  /** Of the newest one, by Redis's own clock; null when INFO does not tell the time. */
  ageMs: z.number().nullable(),
});

export const Slowlog = z.object({
  /** Entries added in the window; null when the beginning was not seen. */
  newInWindow: z.int().nullable(),
  /** Of the last ten minutes, as far as the log reaches back; those with the most time first. */
  recent: z.array(SlowCommand),
  recentLeftOut: z.int(),
});
export type Slowlog = z.infer<typeof Slowlog>;

// https://redis.io/docs/latest/commands/slowlog-get/: id, unix time, microseconds, arguments, address, client name.
const Entry = z.tuple([z.number(), z.number(), z.number(), z.array(z.string())]).rest(z.unknown());
const Entries = z.array(Entry);

/** The id of the newest entry in an answer to SLOWLOG GET; -1 when the log is empty. */
export function newestId(answer: unknown): number {
  return Entries.parse(answer)[0]?.[0] ?? -1;
}

/** Sums up an answer to SLOWLOG GET; `nowSeconds` is Redis's own clock. */
export function summarizeSlowlog(
  answer: unknown,
  idBefore: number | null,
  nowSeconds: number | null,
): Slowlog {
  const entries = Entries.parse(answer);
  const newest = entries[0]?.[0] ?? -1;
  const byCommand = new Map<string, z.infer<typeof SlowCommand>>();
  for (const [, at, micros, args] of entries) {
    const ageMs = nowSeconds === null ? null : Math.max(0, nowSeconds - at) * 1_000;
    if (ageMs !== null && ageMs > RECENT_SECONDS * 1_000) continue;
    const command = commandName(args[0]);
    const sum = byCommand.get(command) ?? { command, count: 0, maxMs: 0, totalMs: 0, maxArguments: 0, ageMs };
    sum.count += 1;
    sum.maxMs = Math.max(sum.maxMs, micros / 1_000);
    sum.totalMs += micros / 1_000;
    sum.maxArguments = Math.max(sum.maxArguments, argumentCount(args));
    byCommand.set(command, sum);
  }
  const recent = [...byCommand.values()].sort((a, b) => b.totalMs - a.totalMs);
  return {
    // SLOWLOG RESET keeps counting, so a smaller id means a restart.
    newInWindow: idBefore === null || newest < idBefore ? null : newest - idBefore,
    recent: recent.slice(0, MAX_COMMANDS),
    recentLeftOut: Math.max(0, recent.length - MAX_COMMANDS),
  };
}

/** The name alone, and only if it looks like one. */
export function commandName(word: string | undefined): string {
  const name = word?.toLowerCase() ?? '';
  return /^[a-z][a-z0-9._|-]{0,39}$/.test(name) ? name : 'other';
}

/** Redis keeps 32 arguments and tells in the last one how many it left out. */
function argumentCount(args: string[]): number {
  const more = /^\.\.\. \((\d+) more arguments\)$/.exec(args.at(-1) ?? '')?.[1];
  return more === undefined ? args.length - 1 : args.length - 2 + Number(more);
}
