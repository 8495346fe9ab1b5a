import { z } from 'zod';

/** Sorts and hashes of one process that did not fit into its work_mem and are on disk now. */
export const TemporaryFiles = z.object({
  pid: z.int(),
  files: z.int(),
  bytes: z.number(),
  /** Of these, what came into being within the window: at least so much was written. */
  grownBytes: z.number(),
});
export type TemporaryFiles = z.infer<typeof TemporaryFiles>;

/** A row of TEMPORARY_FILES. */
export interface TemporaryFile {
  pid: number;
  name: string;
  bytes: number;
}

const MAX_PROCESSES = 20;

/** By process, who wrote the most first; null when one of the lists could not be read. */
export function temporaryFilesOf(
  before: readonly TemporaryFile[] | null,
  now: readonly TemporaryFile[] | null,
): TemporaryFiles[] | null {
  if (!before || !now) return null;
  const earlier = new Map(before.map(({ name, bytes }) => [name, bytes]));
  const byPid = new Map<number, TemporaryFiles>();
  for (const { pid, name, bytes } of now) {
    const sum = byPid.get(pid) ?? { pid, files: 0, bytes: 0, grownBytes: 0 };
    sum.files += 1;
    sum.bytes += bytes;
    sum.grownBytes += Math.max(0, bytes - (earlier.get(name) ?? 0));
    byPid.set(pid, sum);
  }
  return [...byPid.values()]
    .sort((a, b) => b.grownBytes - a.grownBytes || b.bytes - a.bytes || a.pid - b.pid)
    .slice(0, MAX_PROCESSES);
}
