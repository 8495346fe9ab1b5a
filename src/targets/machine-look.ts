import { BotError } from '../errors.ts';
import { sectionsOf } from './host-script.ts';
import { type CpuTicks, cpuTicksOf, type ProcessStat, processStatOf } from './proc-stat.ts';

/** One line of /proc/pressure: shares of 0 to 1 over ten seconds (null: not known), and microseconds since boot. */
export interface Pressure {
  avg10: number | null;
  totalUs: number;
}

export interface ResourcePressure {
  some: Pressure;
  full: Pressure | null;
}

/** Cumulative since boot. A sector is 512 bytes whatever the disk. kernel.org, admin-guide/iostats */
export interface DiskCounters {
  reads: number;
  readSectors: number;
  readMs: number;
  writes: number;
  writtenSectors: number;
  writeMs: number;
  inFlight: number;
  busyMs: number;
}

export interface Filesystem {
  device: string;
  mount: string;
  sizeBytes: number;
  availableBytes: number;
  /** Used share of what ordinary users may have, as df counts it. */
  usedRatio: number;
  inodesUsedRatio: number | null;
}

export interface MachineLook {
  uptimeS: number;
  cores: number;
  cpu: CpuTicks;
  procsRunning: number | null;
  procsBlocked: number | null;
  load: [number, number, number] | null;
  /** Null where the kernel reports none. */
  pressure: { cpu: ResourcePressure; io: ResourcePressure; memory: ResourcePressure } | null;
  /** In bytes, by their names in /proc/meminfo. */
  memory: Map<string, number>;
  /** By their names in /proc/vmstat. */
  vmstat: Map<string, number>;
  disks: Map<string, DiskCounters>;
  /** Names as in /proc/net/netstat and /proc/net/snmp: "TcpExt.ListenOverflows". */
  network: Map<string, number>;
  tcpInUse: number | null;
  /** By the interface, loopback left out. */
  interfaces: Map<string, { bytes: number; errors: number }>;
  fileHandles: { used: number; max: number } | null;
  filesystems: Filesystem[];
  /** Lines of the cgroup of Gunicorn or of this machine, by file: "cpu.max". */
  cgroup: Map<string, string>;
  processes: Map<string, ProcessStat>;
  pageBytes: number;
}

/** Reads the script's answer to `resources`. */
export function machineLookOf(output: string): MachineLook {
  const sections = sectionsOf(output);
  const text = (name: string) => sections.get(name) ?? '';
  const stat = text('/proc/stat').split('\n');
  const cpu = cpuTicksOf(stat[0]);
  const uptimeS = Number(text('/proc/uptime').split(' ')[0]);
  const memory = new Map(
    [...pairsOf(text('/proc/meminfo'))].map(([name, kilobytes]) => [name, kilobytes * 1_024]),
  );
  if (
    !cpu ||
    !(uptimeS > 0) ||
    !memory.get('MemTotal') ||
    !memory.has('MemAvailable') ||
    !sections.has('processes')
  ) {
    throw new BotError('target-protocol', 'the host broke off before the end of its answer');
  }
  const stats = pairsOf(text('/proc/stat'));
  return {
    uptimeS,
    cores: Math.max(1, stat.filter((line) => /^cpu\d/.test(line)).length),
    cpu,
    procsRunning: stats.get('procs_running') ?? null,
    procsBlocked: stats.get('procs_blocked') ?? null,
    load: loadOf(text('/proc/loadavg')),
    pressure: pressureOf(sections),
    memory,
    vmstat: pairsOf(text('/proc/vmstat')),
    disks: disksOf(text('/proc/diskstats')),
    network: new Map([...tablesOf(text('/proc/net/netstat')), ...tablesOf(text('/proc/net/snmp'))]),
    tcpInUse: numberIn(/^TCP: inuse (\d+)/m, text('/proc/net/sockstat')),
    interfaces: interfacesOf(text('/proc/net/dev')),
    fileHandles: fileHandlesOf(text('/proc/sys/fs/file-nr')),
    filesystems: filesystemsOf(text('df blocks'), text('df inodes')),
    cgroup: new Map(
      [...sections].flatMap(([name, value]) =>
        name.startsWith('cgroup ') ? [[name.slice(7), value.trim()] as const] : [],
      ),
    ),
    processes: processesOf(text('processes')),
    pageBytes: Number(text('pagesize').trim()) || 4_096,
  };
}

/** "name: 12 kB" and "name 12" alike. */
export function pairsOf(text: string): Map<string, number> {
  const pairs = text.matchAll(/^([\w()]+):?[ \t]+(\d+)/gm);
  return new Map([...pairs].map(([, name = '', value]) => [name, Number(value)]));
}

const numberIn = (pattern: RegExp, text: string): number | null => {
  const found = pattern.exec(text)?.[1];
  return found === undefined ? null : Number(found);
};

function loadOf(text: string): MachineLook['load'] {
  const [one, five, fifteen] = text.split(' ').map(Number);
  if (one === undefined || five === undefined || fifteen === undefined || !Number.isFinite(one)) return null;
  return [one, five, fifteen];
}

function pressureOf(sections: Map<string, string>): MachineLook['pressure'] {
  const of = (name: string): ResourcePressure | null => {
    const text = sections.get(`/proc/pressure/${name}`) ?? '';
    const line = (kind: string): Pressure | null => {
      const match = new RegExp(`^${kind} avg10=([\\d.]+) .*total=(\\d+)$`, 'm').exec(text);
      return match ? { avg10: Number(match[1]) / 100, totalUs: Number(match[2]) } : null;
    };
    const some = line('some');
    return some && { some, full: line('full') };
  };
  const [cpu, io, memory] = [of('cpu'), of('io'), of('memory')];
  return cpu && io && memory ? { cpu, io, memory } : null;
}

/** Whole disks that were ever used; partitions, loop and RAM disks would count the same work twice or none. */
function disksOf(text: string): Map<string, DiskCounters> {
  const disks = new Map<string, DiskCounters>();
  for (const line of text.split('\n')) {
    const [, , name = '', ...numbers] = line.trim().split(/\s+/);
    const [
      reads = 0,
      ,
      readSectors = 0,
      readMs = 0,
      writes = 0,
      ,
      writtenSectors = 0,
      writeMs = 0,
      inFlight = 0,
      busyMs = 0,
    ] = numbers.map(Number);
    if (!isWholeDisk(name)) continue;
    if (reads + writes === 0) continue;
    disks.set(name, { reads, readSectors, readMs, writes, writtenSectors, writeMs, inFlight, busyMs });
  }
  return disks;
}

/** Whether a name is that of a whole disk that keeps what is written. */
export const isWholeDisk = (name: string): boolean =>
  /^[\w!-]{1,32}$/.test(name) && !/^(?:loop|ram|sr|fd|zram)\d/.test(name) && !isPartition(name);

const isPartition = (name: string): boolean =>
  /^(?:[shv]d[a-z]+\d+|xvd[a-z]+\d+|(?:nvme\d+n\d+|mmcblk\d+)p\d+)$/.test(name);

/** Two lines a table: names, then values. */
function tablesOf(text: string): [string, number][] {
  const lines = text.split('\n');
  return lines.flatMap((line, i) => {
    const [prefix = '', ...names] = line.split(' ');
    const values = (lines[i + 1] ?? '').split(' ');
    if (i % 2 === 1 || values[0] !== prefix) return [];
    return names.map((name, n): [string, number] => [
      `${prefix.slice(0, -1)}.${name}`,
      Number(values[n + 1]),
    ]);
  });
}

function interfacesOf(text: string): MachineLook['interfaces'] {
  const interfaces: MachineLook['interfaces'] = new Map();
  for (const line of text.split('\n')) {
    const match = /^ *([\w@.-]{1,32}): *(\d[\d ]*)$/.exec(line);
    if (!match?.[1] || match[1] === 'lo') continue;
    const n = (match[2] ?? '').trim().split(/ +/).map(Number);
    const at = (i: number) => n[i] ?? 0;
    // bytes packets errs drop …, eight columns each way
    interfaces.set(match[1], { bytes: at(0) + at(8), errors: at(2) + at(3) + at(10) + at(11) });
  }
  return interfaces;
}

function fileHandlesOf(text: string): MachineLook['fileHandles'] {
  const [used, , max] = text.trim().split(/\s+/).map(Number);
  return used !== undefined && max ? { used, max } : null;
}

/** One row a device: a bind mount is the same disk again. */
function filesystemsOf(blocks: string, inodes: string): Filesystem[] {
  const used = new Map(dfRows(inodes).map((row) => [row.mount, ratio(row.used, row.size)]));
  const byDevice = new Map<string, Filesystem>();
  for (const { device, size, used: taken, available, mount } of dfRows(blocks)) {
    const key = device.startsWith('/') ? device : mount;
    const usedRatio = ratio(taken, taken + available);
    if (byDevice.has(key) || usedRatio === null) continue;
    byDevice.set(key, {
      device,
      mount,
      sizeBytes: size * 1_024,
      availableBytes: available * 1_024,
      usedRatio,
      inodesUsedRatio: used.get(mount) ?? null,
    });
  }
  return [...byDevice.values()];
}

const ratio = (part: number, whole: number): number | null => (whole > 0 ? part / whole : null);

function dfRows(text: string) {
  return [...text.matchAll(/^(\S+) +(\d+) +(\d+) +(-?\d+) +\S+ +(\/\S*)$/gm)].map(
    ([, device = '', size, used, available, mount = '']) => ({
      device,
      size: Number(size),
      used: Number(used),
      available: Math.max(0, Number(available)),
      mount,
    }),
  );
}

/** By pid and start: a pid alone may be another process in the next look. */
function processesOf(text: string): Map<string, ProcessStat> {
  const processes = text.split('\n').flatMap((line) => processStatOf(line) ?? []);
  return new Map(processes.map((one) => [`${one.pid} ${one.startTicks}`, one]));
}
