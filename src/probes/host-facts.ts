import { z } from 'zod';
import { Cgroup } from './host-cgroup.ts';
import { NotSeen } from './not-seen.ts';

const Share = z.number();
const Stalled = z.object({
  /** Share of time that at least one task (some) or all of them (full) were stalled: last ten seconds; null where only totals are known. */
  someAvg10: Share.nullable(),
  fullAvg10: Share.nullable(),
  /** The same between the two looks. */
  some: Share,
  full: Share.nullable(),
});

/** What a machine did between two looks. Ratios are 0 to 1. */
export const HostDifference = z.object({
  windowMs: z.number(),
  cores: z.int(),
  /** Of all cores together; null when no CPU time passed between the looks. */
  cpu: z
    .object({ user: Share, system: Share, iowait: Share, steal: Share, idle: Share, busy: Share })
    .nullable(),
  procsRunning: z.int().nullable(),
  procsBlocked: z.int().nullable(),
  load: z.object({ one: z.number(), five: z.number(), fifteen: z.number() }).nullable(),
  pressure: z.object({ cpu: Stalled, io: Stalled, memory: Stalled }).nullable(),
  memory: z.object({
    totalBytes: z.number(),
    availableBytes: z.number(),
    availableRatio: Share,
    swapTotalBytes: z.number(),
    swapUsedBytes: z.number(),
    swapInPagesPerS: z.number().nullable(),
    swapOutPagesPerS: z.number().nullable(),
    majorFaultsPerS: z.number().nullable(),
    /** Processes that the kernel killed for memory in the window. */
    oomKills: z.number().nullable(),
  }),
  cgroup: Cgroup.nullable(),
  disks: z.array(
    z.object({
      name: z.string(),
      readsPerS: z.number(),
      writesPerS: z.number(),
      readBytesPerS: z.number(),
      writtenBytesPerS: z.number(),
      readAwaitMs: z.number().nullable(),
      writeAwaitMs: z.number().nullable(),
      inFlight: z.number(),
      /** Share of time with something in flight; a disk with many queues may be far from full at 1. */
      utilRatio: Share,
    }),
  ),
  disksLeftOut: z.int(),
  filesystems: z.array(
    z.object({
      mount: z.string(),
      sizeBytes: z.number(),
      availableBytes: z.number(),
      usedRatio: Share,
      inodesUsedRatio: Share.nullable(),
      /** From 95 % of its blocks or inodes on. */
      full: z.boolean(),
    }),
  ),
  filesystemsLeftOut: z.int(),
  network: z.object({
    tcpInUse: z.number().nullable(),
    /** Connections refused in the window because a listen queue was full. */
    listenOverflows: z.number().nullable(),
    listenDrops: z.number().nullable(),
    retransmitRatio: Share.nullable(),
    /** Null where no interface but loopback is told; `notSeen` then has "network interfaces", for the errors too. */
    bytesPerS: z.number().nullable(),
    errors: z.number(),
  }),
  fileHandlesUsedRatio: Share.nullable(),
  /** By CPU; names only, as the process calls itself. */
  topProcesses: z.array(
    z.object({ pid: z.int(), ppid: z.int(), name: z.string(), cpuCores: z.number(), rssBytes: z.number() }),
  ),
  processesLeftOut: z.int(),
  notSeen: z.array(NotSeen),
});

export type HostDifference = z.infer<typeof HostDifference>;
