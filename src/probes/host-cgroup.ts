import { z } from 'zod';

/** Limits that a container or a systemd unit puts on Gunicorn. kernel.org, admin-guide/cgroup-v2 */
export const Cgroup = z.object({
  /** Cores' worth of CPU time that it may use; null without a limit. */
  cpuLimitCores: z.number().nullable(),
  cpuUsedCores: z.number().nullable(),
  /** Share of the window's scheduling periods in which it was throttled. */
  throttledRatio: z.number().nullable(),
  throttledMs: z.number().nullable(),
  memoryBytes: z.number().nullable(),
  memoryLimitBytes: z.number().nullable(),
  oomKills: z.number().nullable(),
});

type Files = Map<string, string>;

/** What the limits did between two looks; null where there is no cgroup v2 with limits. */
export function cgroupDifference(begin: Files, end: Files, seconds: number): z.infer<typeof Cgroup> | null {
  if (!end.has('cpu.max') && !end.has('memory.max')) return null;
  const grown = (file: string, name: string): number | null => {
    const [a, b] = [figureOf(begin, file, name), figureOf(end, file, name)];
    return a === null || b === null ? null : Math.max(0, b - a);
  };
  const periods = grown('cpu.stat', 'nr_periods');
  const throttled = grown('cpu.stat', 'nr_throttled');
  const usedUs = grown('cpu.stat', 'usage_usec');
  const throttledUs = grown('cpu.stat', 'throttled_usec');
  return {
    cpuLimitCores: cpuLimit(end.get('cpu.max')),
    cpuUsedCores: usedUs === null ? null : usedUs / 1e6 / seconds,
    throttledRatio: periods === null || throttled === null || periods === 0 ? null : throttled / periods,
    throttledMs: throttledUs === null ? null : throttledUs / 1_000,
    memoryBytes: wholeNumber(end.get('memory.current')),
    memoryLimitBytes: wholeNumber(end.get('memory.max')),
    oomKills: grown('memory.events', 'oom_kill'),
  };
}

/** "max 100000" is no limit, "150000 100000" is one and a half cores. */
function cpuLimit(text: string | undefined): number | null {
  const [quota, period] = (text ?? '').split(' ').map(Number);
  return quota !== undefined && period && Number.isFinite(quota) ? quota / period : null;
}

const wholeNumber = (text: string | undefined): number | null =>
  text !== undefined && /^\d+$/.test(text) ? Number(text) : null;

function figureOf(files: Files, file: string, name: string): number | null {
  const line = (files.get(file) ?? '').split('\n').find((one) => one.startsWith(`${name} `));
  return wholeNumber(line?.slice(name.length + 1).trim());
}
