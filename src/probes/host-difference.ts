import type { MachineLook, Pressure, ResourcePressure } from '../targets/machine-look.ts';
import { cpuSharesOf, TICKS_PER_S } from '../targets/proc-stat.ts';
import { cgroupDifference } from './host-cgroup.ts';
import type { HostDifference } from './host-facts.ts';
import type { NotSeen } from './not-seen.ts';

const MAX_DISKS = 6;
const MAX_FILESYSTEMS = 12;
const MAX_PROCESSES = 8;
/** From here on a file system counts as full: autovacuum, WAL and temporary files need room. */
const FULL_RATIO = 0.95;
/** Less CPU than this, in cores, is no process worth naming. */
const FEW_CORES = 0.01;

/** Subtracts two looks at the same machine. */
export function hostDifference(begin: MachineLook, end: MachineLook): HostDifference {
  // Uptime has two decimals: two looks within one are taken as one apart.
  const seconds = Math.max(0.01, end.uptimeS - begin.uptimeS);
  return {
    windowMs: seconds * 1_000,
    cores: end.cores,
    cpu: cpuSharesOf(begin.cpu, end.cpu),
    procsRunning: end.procsRunning,
    procsBlocked: end.procsBlocked,
    load: end.load && { one: end.load[0], five: end.load[1], fifteen: end.load[2] },
    pressure: end.pressure && {
      cpu: stalled(begin.pressure?.cpu, end.pressure.cpu, seconds),
      io: stalled(begin.pressure?.io, end.pressure.io, seconds),
      memory: stalled(begin.pressure?.memory, end.pressure.memory, seconds),
    },
    memory: memoryBetween(begin, end, seconds),
    cgroup: cgroupDifference(begin.cgroup, end.cgroup, seconds),
    ...disksBetween(begin, end, seconds),
    ...filesystemsOf(end),
    network: networkBetween(begin, end, seconds),
    fileHandlesUsedRatio: ratio(end.fileHandles?.used ?? null, end.fileHandles?.max ?? null),
    ...processesBetween(begin, end, seconds),
    notSeen: unseen(end),
  };
}

function unseen(end: MachineLook): NotSeen[] {
  const notSeen: NotSeen[] = [];
  const miss = (what: string, reason: string, remedy: string | null) =>
    notSeen.push({ what, reason, remedy });
  if (!end.pressure)
    miss('pressure', 'the kernel reports none (/proc/pressure)', 'boot the kernel with psi=1');
  if (end.filesystems.length === 0) miss('disk space', 'df named no file system on a disk', null);
  if (end.interfaces.size === 0)
    miss(
      'network interfaces',
      'no other than loopback was told, so neither bytes nor errors are known',
      null,
    );
  if (end.disks.size === 0) miss('disk I/O', '/proc/diskstats names no disk', null);
  return notSeen;
}

/** How much a counter grew; null where the kernel does not have it. One that fell was reset. */
function grown(begin: Map<string, number>, end: Map<string, number>, name: string): number | null {
  const [a, b] = [begin.get(name), end.get(name)];
  return a === undefined || b === undefined ? null : Math.max(0, b - a);
}

function networkBetween(begin: MachineLook, end: MachineLook, seconds: number): HostDifference['network'] {
  const of = (name: string) => grown(begin.network, end.network, name);
  const isSeen = begin.interfaces.size > 0 && end.interfaces.size > 0;
  return {
    tcpInUse: end.tcpInUse,
    listenOverflows: of('TcpExt.ListenOverflows'),
    listenDrops: of('TcpExt.ListenDrops'),
    retransmitRatio: ratio(of('Tcp.RetransSegs'), of('Tcp.OutSegs')),
    bytesPerS: isSeen ? Math.max(0, sum(end, 'bytes') - sum(begin, 'bytes')) / seconds : null,
    errors: Math.max(0, sum(end, 'errors') - sum(begin, 'errors')),
  };
}

const ratio = (part: number | null, whole: number | null): number | null =>
  part === null || whole === null || whole === 0 ? null : part / whole;

const sum = (look: MachineLook, what: 'bytes' | 'errors'): number =>
  [...look.interfaces.values()].reduce((total, one) => total + one[what], 0);

function stalled(begin: ResourcePressure | undefined, end: ResourcePressure, seconds: number) {
  const share = (a: Pressure | null | undefined, b: Pressure) =>
    Math.min(1, Math.max(0, b.totalUs - (a?.totalUs ?? b.totalUs)) / (seconds * 1e6));
  return {
    someAvg10: end.some.avg10,
    fullAvg10: end.full?.avg10 ?? null,
    some: share(begin?.some, end.some),
    full: end.full && share(begin?.full, end.full),
  };
}

function memoryBetween(begin: MachineLook, end: MachineLook, seconds: number): HostDifference['memory'] {
  const of = (name: string) => end.memory.get(name) ?? 0;
  const perSecond = (name: string) => {
    const pages = grown(begin.vmstat, end.vmstat, name);
    return pages === null ? null : pages / seconds;
  };
  return {
    totalBytes: of('MemTotal'),
    availableBytes: of('MemAvailable'),
    availableRatio: of('MemAvailable') / of('MemTotal'),
    swapTotalBytes: of('SwapTotal'),
    swapUsedBytes: of('SwapTotal') - of('SwapFree'),
    swapInPagesPerS: perSecond('pswpin'),
    swapOutPagesPerS: perSecond('pswpout'),
    majorFaultsPerS: perSecond('pgmajfault'),
    oomKills: grown(begin.vmstat, end.vmstat, 'oom_kill'),
  };
}

function disksBetween(begin: MachineLook, end: MachineLook, seconds: number) {
  const disks = [...end.disks].flatMap(([name, after]) => {
    const before = begin.disks.get(name);
    if (!before) return [];
    const grown = (field: keyof typeof after) => Math.max(0, after[field] - before[field]);
    return {
      name,
      readsPerS: grown('reads') / seconds,
      writesPerS: grown('writes') / seconds,
      readBytesPerS: (grown('readSectors') * 512) / seconds,
      writtenBytesPerS: (grown('writtenSectors') * 512) / seconds,
      readAwaitMs: ratio(grown('readMs'), grown('reads')),
      writeAwaitMs: ratio(grown('writeMs'), grown('writes')),
      inFlight: after.inFlight,
      utilRatio: Math.min(1, grown('busyMs') / (seconds * 1_000)),
    };
  });
  disks.sort((a, b) => b.utilRatio - a.utilRatio);
  return { disks: disks.slice(0, MAX_DISKS), disksLeftOut: Math.max(0, disks.length - MAX_DISKS) };
}

function filesystemsOf({ filesystems }: MachineLook) {
  const fullest = ({ usedRatio, inodesUsedRatio }: (typeof filesystems)[number]) =>
    Math.max(usedRatio, inodesUsedRatio ?? 0);
  const sorted = filesystems.toSorted((a, b) => fullest(b) - fullest(a));
  return {
    filesystems: sorted
      .slice(0, MAX_FILESYSTEMS)
      .map(({ device: _, ...one }) => ({ ...one, full: fullest({ device: _, ...one }) >= FULL_RATIO })),
    filesystemsLeftOut: Math.max(0, sorted.length - MAX_FILESYSTEMS),
  };
}

function processesBetween(begin: MachineLook, end: MachineLook, seconds: number) {
  const all = [...end.processes].map(([key, after]) => ({
    pid: after.pid,
    ppid: after.ppid,
    name: after.name,
    // One that started in between spent all of its time in between.
    cpuCores: Math.max(0, after.cpuTicks - (begin.processes.get(key)?.cpuTicks ?? 0)) / TICKS_PER_S / seconds,
    rssBytes: after.rssPages * end.pageBytes,
  }));
  const working = all.filter((one) => one.cpuCores >= FEW_CORES).sort((a, b) => b.cpuCores - a.cpuCores);
  return {
    topProcesses: working.slice(0, MAX_PROCESSES),
    processesLeftOut: Math.max(0, working.length - MAX_PROCESSES),
  };
}
