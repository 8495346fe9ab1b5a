import type { HostFacts } from '../../probes/host.ts';
import {
  apiComplains,
  type Case,
  type CauseRule,
  confidence,
  couldNotLook,
  nobodySuffers,
  ruledOut,
  type Verdict,
} from '../cause-rule.ts';
import type { Evidence } from '../diagnosis.ts';
import { hostName, unseenHost } from '../hosts.ts';
import { bytes, count, decimal, percent } from '../words.ts';

const MAX_GROWERS = 3;

interface Shortage {
  host: HostFacts;
  /** "the kernel killed 2 processes for memory" */
  words: string;
  killed: number;
}

/** Memory is short: the kernel kills processes, or everything waits for pages to come back from swap. */
export const memorySwapOom: CauseRule = {
  id: 'memory-swap-oom',
  title: 'Memory short',
  hardStop: true,
  explanation: {
    what: 'A machine or a container has no memory left. The kernel kills processes (random 502s, workers that vanish, PostgreSQL that restarts), or pages go to swap and come back, and every request waits for the disk.',
    signs:
      'The kernel killed a process in the window; or at least swapPagesPerSecond go to and from swap; or everything waited for memory in memoryPressurePercent of the time. Ruled out when none of these was seen on any machine.',
    act: [
      'Find the process that grew, and stop or restart it.',
      'Fewer Gunicorn workers (TTOU to the master), one at a time.',
    ],
    avoid: [
      'More workers: each needs the memory of the others again.',
      'vm.drop_caches, or swapoff in the incident: the pages have to go somewhere.',
    ],
    prevent: [
      'max_requests for Gunicorn, and MemoryMax for batch jobs.',
      'work_mem times connections, plus shared_buffers, must fit; vm.overcommit_memory = 2 on the machine of PostgreSQL.',
    ],
  },
  needs: ['host'],
  explainedBy: [],

  judge(the) {
    const hosts = the.facts.reports.host?.hosts ?? [];
    const [worst] = hosts
      .flatMap((host) => shortageOf(the, host) ?? [])
      .sort((a, b) => b.killed - a.killed || a.host.role.localeCompare(b.host.role));
    if (!worst) return notShort(the, hosts);
    const evidence = evidenceOf(worst);
    // Pages in swap may be idle ones; a killed process is an alarm even while nobody complains.
    if (worst.killed === 0 && nobodySuffers(the)) {
      return ruledOut(`${worst.words} on ${hostName(worst.host)}, but the API does not suffer`, evidence);
    }
    const kills = the.facts.reports['request-log']?.workerKills ?? 0;
    return {
      status: 'found',
      share: null,
      confidence: confidence(apiComplains(the) || kills > 0),
      summary: `Memory is short on ${hostName(worst.host)}: ${worst.words}.`,
      evidence: [
        ...evidence,
        ...(kills > 0
          ? [
              {
                text: `Gunicorn lost ${count(kills, 'worker', 'workers')} to SIGKILL in the last minutes`,
                data: { kills },
              },
            ]
          : []),
      ],
      against: [],
      mitigations: [],
      advice: ADVICE,
    };
  },
};

function shortageOf({ facts }: Case, host: HostFacts): Shortage | null {
  const { swapPagesPerSecond, memoryPressurePercent } = facts.service.thresholds;
  const { memory, cgroup, pressure } = host;
  const killed = Math.max(memory.oomKills ?? 0, cgroup?.oomKills ?? 0);
  if (killed > 0) {
    return {
      host,
      killed,
      words: `the kernel killed ${count(killed, 'process', 'processes')} for memory in the window`,
    };
  }
  const stalled = pressure?.memory.full ?? 0;
  if (stalled * 100 >= memoryPressurePercent) {
    return { host, killed, words: `everything waited for memory in ${percent(stalled)} of the window` };
  }
  const pages = (memory.swapInPagesPerS ?? 0) + (memory.swapOutPagesPerS ?? 0);
  return pages >= swapPagesPerSecond
    ? { host, killed, words: `${decimal(pages)} pages a second go to and from swap` }
    : null;
}

function evidenceOf({ host, words }: Shortage): Evidence[] {
  const { memory, topProcesses } = host;
  const growers = topProcesses.toSorted((a, b) => b.rssBytes - a.rssBytes).slice(0, MAX_GROWERS);
  return [
    {
      text: `${hostName(host)}: ${words}`,
      data: { memory, pressure: host.pressure?.memory ?? null, cgroup: host.cgroup },
    },
    {
      text: `${bytes(memory.availableBytes)} of ${bytes(memory.totalBytes)} are available, ${bytes(memory.swapUsedBytes)} are in swap`,
      data: { availableBytes: memory.availableBytes, swapUsedBytes: memory.swapUsedBytes },
    },
    ...(growers.length > 0
      ? [
          {
            text: `the largest among the busy processes: ${growers.map(({ name, rssBytes }) => `${name} ${bytes(rssBytes)}`).join(', ')}`,
            data: { growers },
          },
        ]
      : []),
  ];
}

function notShort({ facts }: Case, hosts: readonly HostFacts[]): Verdict {
  const [unseen] = facts.reports.host?.notSeen ?? [];
  if (unseen) return couldNotLook(unseenHost(facts, unseen.what.endsWith('database') ? 'database' : 'api'));
  const blind = hosts.find(
    ({ memory, cgroup }) =>
      memory.oomKills === null && memory.swapInPagesPerS === null && (cgroup?.oomKills ?? null) === null,
  );
  if (blind) return couldNotLook(`whether ${hostName(blind)} swaps or kills processes could not be seen`);
  const [least] = hosts.toSorted((a, b) => a.memory.availableRatio - b.memory.availableRatio);
  const text = `nothing was killed for memory and nothing swaps; ${percent(least?.memory.availableRatio ?? 0)} of it is available`;
  return ruledOut(text, [{ text, data: { memory: least?.memory ?? null } }]);
}

const ADVICE = [
  'See who was killed, and who was the largest: journalctl -k --since -15min | grep -i "killed process"',
  'Until the cause is mended, run fewer Gunicorn workers: kill -TTOU <pid of the master>, one at a time.',
];
