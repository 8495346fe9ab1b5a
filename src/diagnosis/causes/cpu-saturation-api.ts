import type { HostFacts } from '../../probes/host.ts';
import {
  apiComplains,
  type Case,
  type CauseRule,
  confidence,
  couldNotLook,
  nobodySuffers,
  ruledOut,
  shareOf,
  type Verdict,
} from '../cause-rule.ts';
import {
  type Burners,
  burnersOf,
  burnerWords,
  type CpuState,
  cpuStateOf,
  hostName,
  hostOf,
  unseenHost,
} from '../hosts.ts';
import { inFlightAt } from '../ledger.ts';
import { count, decimal, percent } from '../words.ts';

/** The CPU of the API's machine is used up, by the API itself or by a process that has no business there. */
export const cpuSaturationApi: CauseRule = {
  id: 'cpu-saturation-api',
  title: 'CPU of the API used up',
  explanation: {
    what: 'The cores of the machine of the API, or the CPU limit of its container, are used up. Requests stand in line for the CPU, and everything they do takes longer.',
    signs:
      'At least cpuRatio of the cores is busy, or Gunicorn has used up its own limit; the API, or a process that belongs to nobody here, takes most of it; and requests stand in line for it. Ruled out when there is CPU left, or when PostgreSQL on the same machine is the one that takes it.',
    act: [
      'When a foreign process takes it: stop it or move it away.',
      'When the API takes it: look for N+1 lookups and for a deploy, shed load, add a machine.',
    ],
    avoid: [
      'More Gunicorn workers: they share the same cores.',
      'Restarting the API: the load is the same afterwards.',
    ],
    prevent: [
      'Load tests with realistic data volumes before a release.',
      'N+1 detection in staging: serialising rows one by one is what burns the CPU.',
      'No batch jobs on the machines of the API, or CPUWeight and CPUQuota for them.',
    ],
  },
  needs: ['host'],
  explainedBy: ['n-plus-one', 'traffic-spike', 'cpu-steal', 'connection-churn'],

  judge(the) {
    const host = hostOf(the.facts, 'api');
    if (!host) return couldNotLook(unseenHost(the.facts, 'api'));
    const cpu = cpuStateOf(the.facts, host);
    if (!cpu) return couldNotLook(`how busy the CPU of ${hostName(host)} is could not be seen`);
    const seen = [{ text: `${hostName(host)}: ${cpu.words}`, data: cpu.data }];
    if (!cpu.saturated) return ruledOut(`${cpu.words} on ${hostName(host)}`, seen);
    const burners = burnersOf(the.facts, host);
    const [foreign] = burners.foreign;
    const others = Math.max(burners.api, foreign?.cores ?? 0);
    if (burners.postgres > others) {
      return ruledOut(`${cpu.words}, but it is PostgreSQL that takes it (${burnerWords(burners)})`, seen);
    }
    return nobodySuffers(the)
      ? ruledOut(`${cpu.words} on ${hostName(host)}, but the API does not suffer`, seen)
      : found(the, host, cpu, burners);
  },
};

function found(the: Case, host: HostFacts, cpu: CpuState, burners: Burners): Verdict {
  const { causeShare, cpuPressurePercent } = the.facts.service.thresholds;
  const [foreign] = burners.foreign;
  const hog = foreign && foreign.cores > burners.api ? foreign : undefined;
  const share = shareOfCpu(the, host, hog !== undefined);
  const text = `${hostName(host)}: ${cpu.words}`;
  if (share !== null && share < causeShare) {
    const there = `only ${percent(share)} of the request time is spent at the CPU`;
    return ruledOut(`${cpu.words}, but ${there}`, [{ text, data: { ...cpu.data, share } }]);
  }
  const pressed = cpu.pressure !== null && cpu.pressure * 100 >= cpuPressurePercent;
  const running = the.facts.reports['gunicorn-workers']?.doing.cpu ?? 0;
  const explains = share === null ? '' : `, ${percent(share)} of request time`;
  return {
    status: 'found',
    share,
    confidence: confidence(pressed || running > 0 || (hog !== undefined && apiComplains(the))),
    summary: `${hog ? hogWords(hog, host) : 'The API has used up its CPU'}: ${cpu.words} on ${hostName(host)}${explains}.`,
    evidence: [
      { text, data: cpu.data },
      {
        text: `it goes to: ${burnerWords(burners)}`,
        data: { ...burners, foreign: burners.foreign.slice(0, 5) },
      },
      ...pressureEvidence(cpu),
      ...(running > 0
        ? [
            {
              text: `${count(running, 'worker of Gunicorn is', 'workers of Gunicorn are')} busy on the CPU`,
              data: { running },
            },
          ]
        : []),
    ],
    against: [],
    mitigations: [],
    advice: hog ? hogAdvice(hog) : ADVICE,
    // What takes more than the API and PostgreSQL together is no consequence of their load.
    independent: hog !== undefined && hog.cores > burners.api + burners.postgres,
  };
}

/** Requests at the CPU of this machine; null where the workers could not be seen. */
function shareOfCpu({ facts, ledger }: Case, host: HostFacts, foreign: boolean): number | null {
  if (!facts.reports['gunicorn-workers']) return null;
  // A foreign process takes the CPU from PostgreSQL too where they live together.
  const shared = host.role === 'api+database' && foreign;
  return shareOf(inFlightAt(ledger, 'app-cpu', ...(shared ? (['db-cpu'] as const) : [])), ledger);
}

function hogWords(hog: Burners['foreign'][number], host: HostFacts): string {
  const who =
    hog.processes === 1
      ? `A process named ${hog.name} uses`
      : `${hog.processes} processes named ${hog.name} use`;
  return `${who} ${decimal(hog.cores)} of ${host.cores} cores`;
}

function pressureEvidence({ pressure }: CpuState) {
  if (pressure === null) return [];
  return [
    { text: `something waited for the CPU in ${percent(pressure)} of the window`, data: { some: pressure } },
  ];
}

const hogAdvice = (hog: Burners['foreign'][number]): string[] => [
  `See what it is before you stop it: ps -C '${hog.name.replaceAll(/[^\w.@:/+-]/g, '')}' -o pid,user,etime,args`,
  'If it has to go on: renice -n 19 -p <pid>, or systemctl set-property <unit> CPUQuota=20%.',
];

const ADVICE = [
  'Shed load first: rate limits, or a feature flag for the expensive view.',
  'More workers do not help while no core is free; another machine does.',
];
