import { BotError } from '../errors.ts';
import { type Filesystem, isWholeDisk, type MachineLook } from './machine-look.ts';
import { TICKS_PER_S } from './proc-stat.ts';
import { finite, type Series } from './prometheus-api.ts';

// All of them of collectors that node_exporter has on by default. https://github.com/prometheus/node_exporter#collectors
const NAMES = [
  'boot_time_seconds|cpu_seconds_total|procs_running|procs_blocked|load1|load5|load15|uname_info',
  'pressure_(cpu_waiting|io_waiting|io_stalled|memory_waiting|memory_stalled)_seconds_total',
  'memory_(MemTotal|MemAvailable|SwapTotal|SwapFree)_bytes|vmstat_(pswpin|pswpout|pgmajfault|oom_kill)',
  'disk_(reads_completed|read_bytes|read_time_seconds|writes_completed|written_bytes|write_time_seconds)_total',
  'disk_io_now|disk_io_time_seconds_total|filesystem_(size_bytes|free_bytes|avail_bytes|files|files_free)',
  'netstat_(TcpExt_ListenOverflows|TcpExt_ListenDrops|Tcp_RetransSegs|Tcp_OutSegs)|sockstat_TCP_inuse',
  'network_(receive|transmit)_(bytes|errs)_total|filefd_(allocated|maximum)',
];

/** Matches the names of all metrics that are read. */
export const NODE_METRICS = `__name__=~"node_(${NAMES.join('|')})"`;

/** A machine at two of the times at which it was scraped. */
export interface NodeLooks {
  begin: MachineLook;
  end: MachineLook;
  /** Its name for itself; null when it has none that may be shown. */
  name: string | null;
  /** When the later one was, in seconds, and how far apart scrapes are. */
  endS: number;
  intervalS: number;
}

/** A rate over less than this says little, one over more shows late what began just now. */
const RANGE_S = 60;

/**
 * Two looks at the machine that the series of some minutes are about: the newest, and the one before it that is a
 * minute older or the oldest there is. Null when it was scraped only once. What was counted before a boot is left out.
 */
export function nodeLooksOf(series: Series): NodeLooks | null {
  const named = (name: string) => series.filter(({ metric }) => metric.__name__ === name);
  const boots = named('node_boot_time_seconds');
  const machines = new Set(boots.map(({ metric }) => `${metric.job} ${metric.instance}`)).size;
  if (machines > 1) {
    const message = `the matchers select ${machines} machines in Prometheus: add instance="…", so that they select one`;
    throw new BotError('not-configured', message);
  }
  const values = boots[0]?.values ?? [];
  const bootS = finite(values.at(-1)?.[1]) ?? 0;
  const times = values.map(([at]) => at).filter((at) => at > bootS);
  const endS = times.at(-1);
  const beginS = times.findLast((at) => at <= (endS ?? 0) - RANGE_S) ?? times[0];
  if (endS === undefined || beginS === undefined || beginS === endS) return null;
  return {
    begin: lookAt(series, beginS, bootS),
    end: lookAt(series, endS, bootS),
    name: hostName(named('node_uname_info')[0]?.metric.nodename),
    endS,
    intervalS: (endS - (times[0] ?? 0)) / (times.length - 1),
  };
}

/** Names made of an address are as good as the address. */
function hostName(name: string | undefined): string | null {
  return name !== undefined && /^[\w.-]{1,63}$/.test(name) && !/\d+[.-]\d+[.-]\d+[.-]\d+/.test(name)
    ? name
    : null;
}

interface Sample {
  labels: Record<string, string>;
  value: number;
}

/** The samples of one scrape, by the name of the metric without its prefix. All of a scrape have the same time. */
type Scrape = Map<string, Sample[]>;

function scrapeAt(series: Series, atS: number): Scrape {
  const scrape: Scrape = new Map();
  for (const { metric, values } of series) {
    const value = finite(values?.find(([at]) => at === atS)?.[1]);
    if (value === null) continue;
    const name = (metric.__name__ ?? '').replace(/^node_/, '');
    const samples = scrape.get(name) ?? [];
    samples.push({ labels: metric, value });
    scrape.set(name, samples);
  }
  return scrape;
}

function lookAt(series: Series, atS: number, bootS: number): MachineLook {
  const scrape = scrapeAt(series, atS);
  const one = (name: string): number | null => scrape.get(name)?.[0]?.value ?? null;
  const present = (entries: [name: string, value: number | null][]) =>
    new Map(entries.flatMap(([name, value]) => (value === null ? [] : [[name, value] as const])));
  const memory = ['MemTotal', 'MemAvailable', 'SwapTotal', 'SwapFree'];
  const used = one('filefd_allocated');
  const max = one('filefd_maximum');
  const cpu = scrape.get('cpu_seconds_total') ?? [];
  if (cpu.length === 0 || !one('memory_MemTotal_bytes') || one('memory_MemAvailable_bytes') === null) {
    const message =
      'node_exporter tells nothing of CPU or memory there: switch on its collectors cpu and meminfo';
    throw new BotError('target-protocol', message);
  }
  return {
    uptimeS: atS - bootS,
    cores: new Set(cpu.map(({ labels }) => labels.cpu)).size,
    cpu: ticksOf(cpu),
    procsRunning: one('procs_running'),
    procsBlocked: one('procs_blocked'),
    load: loadOf(one('load1'), one('load5'), one('load15')),
    pressure: pressureOf(one),
    memory: present(memory.map((name) => [name, one(`memory_${name}_bytes`)])),
    vmstat: present(
      ['pswpin', 'pswpout', 'pgmajfault', 'oom_kill'].map((name) => [name, one(`vmstat_${name}`)]),
    ),
    disks: disksOf(scrape),
    network: present(
      ['TcpExt_ListenOverflows', 'TcpExt_ListenDrops', 'Tcp_RetransSegs', 'Tcp_OutSegs'].map((name) => [
        name.replace('_', '.'),
        one(`netstat_${name}`),
      ]),
    ),
    tcpInUse: one('sockstat_TCP_inuse'),
    interfaces: interfacesOf(scrape),
    fileHandles: used !== null && max ? { used, max } : null,
    filesystems: filesystemsOf(scrape),
    cgroup: new Map(),
    processes: new Map(),
    pageBytes: 4_096,
  };
}

function ticksOf(samples: Sample[]): MachineLook['cpu'] {
  const of = (...modes: string[]) =>
    TICKS_PER_S *
    samples.reduce((sum, { labels, value }) => sum + (modes.includes(labels.mode ?? '') ? value : 0), 0);
  const ticks = {
    user: of('user', 'nice'),
    system: of('system', 'irq', 'softirq'),
    iowait: of('iowait'),
    steal: of('steal'),
    idle: of('idle'),
  };
  return { ...ticks, total: Object.values(ticks).reduce((sum, n) => sum + n, 0) };
}

function loadOf(one: number | null, five: number | null, fifteen: number | null): MachineLook['load'] {
  return one === null || five === null || fifteen === null ? null : [one, five, fifteen];
}

/** node_exporter has the totals alone, so the averages of ten seconds are not known. "waiting" is some, "stalled" is full. */
function pressureOf(one: (name: string) => number | null): MachineLook['pressure'] {
  const total = (name: string) => {
    const seconds = one(`pressure_${name}_seconds_total`);
    return seconds === null ? null : { avg10: null, totalUs: seconds * 1e6 };
  };
  const [cpu, io, memory] = [total('cpu_waiting'), total('io_waiting'), total('memory_waiting')];
  if (!cpu || !io || !memory) return null;
  return {
    cpu: { some: cpu, full: null },
    io: { some: io, full: total('io_stalled') },
    memory: { some: memory, full: total('memory_stalled') },
  };
}

function sampleOf(scrape: Scrape, name: string, label: string, wanted: string): number | null {
  return scrape.get(name)?.find(({ labels }) => labels[label] === wanted)?.value ?? null;
}

function disksOf(scrape: Scrape): MachineLook['disks'] {
  const names = (scrape.get('disk_io_time_seconds_total') ?? []).flatMap(({ labels }) => labels.device ?? []);
  return new Map(
    names.filter(isWholeDisk).flatMap((name) => {
      const of = (what: string) => sampleOf(scrape, `disk_${what}`, 'device', name) ?? 0;
      const counters = {
        reads: of('reads_completed_total'),
        readSectors: of('read_bytes_total') / 512,
        readMs: of('read_time_seconds_total') * 1_000,
        writes: of('writes_completed_total'),
        writtenSectors: of('written_bytes_total') / 512,
        writeMs: of('write_time_seconds_total') * 1_000,
        inFlight: of('io_now'),
        busyMs: of('io_time_seconds_total') * 1_000,
      };
      return counters.reads + counters.writes === 0 ? [] : [[name, counters] as const];
    }),
  );
}

function interfacesOf(scrape: Scrape): MachineLook['interfaces'] {
  const devices = new Set(
    (scrape.get('network_receive_bytes_total') ?? []).map(({ labels }) => labels.device),
  );
  devices.delete('lo');
  return new Map(
    [...devices].flatMap((device = '') => {
      const of = (what: string) => sampleOf(scrape, `network_${what}_total`, 'device', device) ?? 0;
      const bytes = of('receive_bytes') + of('transmit_bytes');
      return [[device, { bytes, errors: of('receive_errs') + of('transmit_errs') }] as const];
    }),
  );
}

/** The same ones that the host script names: on disks, and those in memory that services write to. */
const ON_DISK = /^(?:ext[234]|xfs|btrfs|zfs|f2fs|jfs|bcachefs)$/;
const isWritten = (type: string, mount: string): boolean =>
  ON_DISK.test(type) ||
  (type === 'overlay' && mount === '/') ||
  (type === 'tmpfs' && ['/tmp', '/dev/shm', '/run'].includes(mount));

/** One row a device: a bind mount is the same disk again. */
function filesystemsOf(scrape: Scrape): Filesystem[] {
  const byDevice = new Map<string, Filesystem>();
  for (const { labels, value: sizeBytes } of scrape.get('filesystem_size_bytes') ?? []) {
    const { device = '', mountpoint: mount = '', fstype = '' } = labels;
    const key = device.startsWith('/') ? device : mount;
    const of = (what: string) => sampleOf(scrape, `filesystem_${what}`, 'mountpoint', mount);
    const [free, availableBytes, files, filesFree] = [
      of('free_bytes'),
      of('avail_bytes'),
      of('files'),
      of('files_free'),
    ];
    if (!isWritten(fstype, mount) || byDevice.has(key) || free === null || availableBytes === null) continue;
    const used = sizeBytes - free;
    if (used + availableBytes <= 0) continue;
    byDevice.set(key, {
      ...{ device, mount, sizeBytes, availableBytes },
      usedRatio: used / (used + availableBytes),
      inodesUsedRatio: files && filesFree !== null ? 1 - filesFree / files : null,
    });
  }
  return [...byDevice.values()];
}
