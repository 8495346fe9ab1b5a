import { decimal } from '../../diagnosis/words.ts';
import type { HostFacts, HostReport } from '../../probes/host.ts';
import { bullets, context, type MessageBlock, rich, span, table } from '../kit.ts';
import { clip, escapeText, percent } from '../text.ts';

const MAX_HOSTS = 2;
const MAX_FULL = 5;
const GIB = 1_024 ** 3;

const RUNS: Record<HostFacts['role'], string> = {
  api: 'API',
  database: 'database',
  'api+database': 'API and database',
};

/** CPU, memory, disks and network of each machine over the window. */
export function hostBlocks(report: HostReport): MessageBlock[] {
  const shown = report.hosts.slice(0, MAX_HOSTS);
  const unseen = [...report.notSeen, ...shown.flatMap((host) => host.notSeen)];
  return [
    ...shown.map((host) => rich(span(sentence(host), { bold: true }))),
    ...table('Resources', ['', ...shown.map((host) => RUNS[host.role])], figures(shown)),
    ...processes(shown),
    ...warnings(shown),
    ...(unseen.length > 0
      ? [
          context(
            `*Not seen:* ${unseen.map(({ what, reason }) => escapeText(clip(`${what} (${reason})`, 160))).join('; ')}`,
          ),
        ]
      : []),
  ];
}

function sentence(host: HostFacts): string {
  const cpu =
    host.cpu === null
      ? 'its CPU was not measured'
      : `its ${host.cores} cores are ${percent(host.cpu.busy)} busy`;
  return `The machine of the ${RUNS[host.role]} (${host.title}): ${cpu}, ${percent(host.memory.availableRatio)} of its memory is available.`;
}

/** One row a figure, one column a machine. */
function figures(hosts: HostFacts[]) {
  const rows: [name: string, of: (host: HostFacts) => string][] = [
    ['CPU user / system', ({ cpu }) => (cpu ? `${percent(cpu.user)} / ${percent(cpu.system)}` : '–')],
    [
      'waiting for disks / stolen',
      ({ cpu }) => (cpu ? `${percent(cpu.iowait)} / ${percent(cpu.steal)}` : '–'),
    ],
    ['load of 1, 5, 15 min', ({ load }) => (load ? `${load.one}, ${load.five}, ${load.fifteen}` : '–')],
    ['stalled for CPU', ({ pressure }) => percent(pressure?.cpu.some ?? null)],
    ['stalled for I/O (all tasks)', ({ pressure }) => percent(pressure?.io.full ?? null)],
    ['stalled for memory', ({ pressure }) => percent(pressure?.memory.some ?? null)],
    ['memory available', ({ memory }) => `${gib(memory.availableBytes)} of ${gib(memory.totalBytes)}`],
    [
      'swapped in / out',
      ({ memory }) => `${pages(memory.swapInPagesPerS)} / ${pages(memory.swapOutPagesPerS)}`,
    ],
    ['busiest disk', ({ disks: [disk] }) => (disk ? `${disk.name} ${percent(disk.utilRatio)}` : '–')],
    [
      'fullest file system',
      ({ filesystems: [one] }) => (one ? `${one.mount} ${percent(one.usedRatio)}` : '–'),
    ],
  ];
  return rows.map(([name, of]) => [name, ...hosts.map(of)]);
}

const gib = (bytes: number): string => `${decimal(bytes / GIB)} GiB`;

const pages = (rate: number | null): string => (rate === null ? '–' : `${Math.round(rate)} pages/s`);

function processes(hosts: HostFacts[]): MessageBlock[] {
  const lines = hosts.flatMap((host) =>
    host.topProcesses
      .slice(0, 3)
      .map(
        ({ name, pid, cpuCores }) => `${name} (pid ${pid}, ${RUNS[host.role]}): ${decimal(cpuCores)} cores`,
      ),
  );
  return lines.length > 0 ? [bullets(lines, 'Most CPU', 160)] : [];
}

/** What needs no threshold of ours: it is wrong whenever it happens. */
function warnings(hosts: HostFacts[]): MessageBlock[] {
  const lines = hosts.flatMap(({ role, memory, network, cgroup, filesystems }) => {
    const kills = (memory.oomKills ?? 0) + (cgroup?.oomKills ?? 0);
    const full = filesystems.filter((one) => one.full).slice(0, MAX_FULL);
    return [
      ...full.map(({ mount, usedRatio, inodesUsedRatio }) => {
        return `${RUNS[role]}: ${mount} is full: ${percent(usedRatio)} of its space, ${percent(inodesUsedRatio)} of its inodes`;
      }),
      ...(kills > 0 ? [`${RUNS[role]}: the kernel killed a process for memory`] : []),
      ...((network.listenOverflows ?? 0) > 0
        ? [`${RUNS[role]}: ${network.listenOverflows} connections met a full listen queue`]
        : []),
      ...((cgroup?.throttledRatio ?? 0) > 0
        ? [
            `${RUNS[role]}: its CPU limit throttled it in ${percent(cgroup?.throttledRatio ?? null)} of the periods`,
          ]
        : []),
    ];
  });
  return lines.length > 0 ? [bullets(lines, 'Wrong in itself', 200)] : [];
}
