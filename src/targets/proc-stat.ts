/** One line of /proc/PID/stat. Times are in clock ticks, of which Linux shows user space 100 a second. proc(5) */
export interface ProcessStat {
  pid: number;
  /** At most 15 characters, and whatever the process wants. */
  name: string;
  state: string;
  ppid: number;
  cpuTicks: number;
  threads: number;
  /** Since boot; with the pid it identifies the process. */
  startTicks: number;
  rssPages: number;
}

/** USER_HZ, which is 100 on every architecture that a server runs on. time(7) */
export const TICKS_PER_S = 100;

/** Null for a line that is not one of /proc/PID/stat. The name may hold blanks and parentheses: the last one closes it. */
export function processStatOf(line: string): ProcessStat | null {
  const open = line.indexOf(' (');
  const close = line.lastIndexOf(') ');
  if (open < 1 || close < open) return null;
  const pid = Number(line.slice(0, open));
  const rest = line
    .slice(close + 2)
    .trim()
    .split(' ');
  // The fields after the name begin with the third one of proc(5).
  const field = (n: number) => Number(rest[n - 3]);
  const stat = {
    pid,
    name: line.slice(open + 2, close),
    state: rest[0] ?? '',
    ppid: field(4),
    cpuTicks: field(14) + field(15),
    threads: field(20),
    startTicks: field(22),
    rssPages: field(24),
  };
  const numbers = [stat.pid, stat.ppid, stat.cpuTicks, stat.threads, stat.startTicks, stat.rssPages];
  return numbers.every(Number.isFinite) && /^[A-Za-z]$/.test(stat.state) ? stat : null;
}

/** Cumulative CPU time of a machine, in ticks since boot, as the first line of /proc/stat has it. */
export interface CpuTicks {
  user: number;
  system: number;
  iowait: number;
  steal: number;
  idle: number;
  total: number;
}

/** user and system hold nice, irq and softirq; guest time is in user already. */
export function cpuTicksOf(line: string | undefined): CpuTicks | null {
  const match = /^cpu +(\d[\d ]*)/.exec(line ?? '');
  if (!match) return null;
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = (
    match[1] ?? ''
  )
    .trim()
    .split(/ +/)
    .map(Number);
  const total = user + nice + system + idle + iowait + irq + softirq + steal;
  return { user: user + nice, system: system + irq + softirq, iowait, steal, idle, total };
}

export interface CpuShares {
  /** Shares of the time of all cores, 0 to 1. */
  user: number;
  system: number;
  iowait: number;
  steal: number;
  idle: number;
  /** 1 − idle − iowait. */
  busy: number;
}

/** Where the CPU time between two looks went; null when none passed. iowait may fall, so nothing is less than 0. */
export function cpuSharesOf(begin: CpuTicks, end: CpuTicks): CpuShares | null {
  const total = end.total - begin.total;
  if (total <= 0) return null;
  const share = (name: keyof CpuTicks) => Math.min(1, Math.max(0, (end[name] - begin[name]) / total));
  const [idle, iowait] = [share('idle'), share('iowait')];
  return {
    user: share('user'),
    system: share('system'),
    iowait,
    steal: share('steal'),
    idle,
    busy: Math.max(0, 1 - idle - iowait),
  };
}
