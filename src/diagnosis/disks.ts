import type { HostFacts } from '../probes/host.ts';
import type { Facts } from './facts.ts';
import { decimal, duration, percent } from './words.ts';

export interface DiskState {
  slow: boolean;
  /** "everything waited for the disk in 34 % of the window" */
  words: string;
  data: Record<string, unknown>;
}

/** Whether a machine waits for its disks; null when neither its pressure nor its disks could be seen. */
export function diskStateOf({ service }: Facts, host: HostFacts): DiskState | null {
  const { ioPressurePercent, diskAwaitMs } = service.thresholds;
  const full = host.pressure?.io.full ?? null;
  const slowest = host.disks
    .map((disk) => ({ ...disk, awaitMs: Math.max(disk.readAwaitMs ?? 0, disk.writeAwaitMs ?? 0) }))
    .sort((a, b) => b.awaitMs - a.awaitMs || a.name.localeCompare(b.name))[0];
  if (full === null && !slowest) return null;
  const data = { pressure: host.pressure?.io ?? null, disks: host.disks, cpu: host.cpu };
  const pressed = full !== null && full * 100 >= ioPressurePercent;
  const late = slowest !== undefined && slowest.awaitMs >= diskAwaitMs;
  const parts = [
    ...(full === null ? [] : [`everything waited for the disk in ${percent(full)} of the window`]),
    ...(slowest
      ? [
          `${slowest.name} takes ${duration(slowest.awaitMs)} a request (${decimal(slowest.readsPerS)} reads and ${decimal(slowest.writesPerS)} writes a second)`,
        ]
      : []),
  ];
  return { slow: pressed || late, words: parts.join('; '), data };
}
