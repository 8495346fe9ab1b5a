import type { HostFacts } from '../probes/host.ts';
import type { Evidence } from './diagnosis.ts';
import type { Facts } from './facts.ts';
import { decimal, percent } from './words.ts';

export type HostOf = 'api' | 'database';

/** The machine of the API or of PostgreSQL; undefined when it was not looked at. They may be one. */
export function hostOf(facts: Facts, of: HostOf): HostFacts | undefined {
  return facts.reports.host?.hosts.find(({ role }) => role === of || role === 'api+database');
}

/** Why a machine was not looked at, in words that say what would help. */
export function unseenHost(facts: Facts, of: HostOf): string {
  const missed = facts.reports.host?.notSeen.find(({ what }) => what === `host of the ${of}`);
  if (missed) return `the machine of ${NAMES[of]} could not be looked at: ${missed.reason}`;
  return of === 'api'
    ? 'the machine of the API was not looked at'
    : 'the machine of PostgreSQL was not looked at: set targets.databaseHost, or targets.host.runsPostgres when it is the same';
}

const NAMES = { api: 'the API', database: 'PostgreSQL' };

/** How a sentence names the machine: "the machine of the API (ssh api-1)". */
export function hostName({ role, title }: Pick<HostFacts, 'role' | 'title'>): string {
  const whose =
    role === 'api+database' ? 'the API and PostgreSQL' : NAMES[role === 'api' ? 'api' : 'database'];
  return `the machine of ${whose} (${title})`;
}

/** Who has the CPU of a machine, in cores; `foreign` are those that are neither the API nor PostgreSQL. */
export interface Burners {
  api: number;
  postgres: number;
  /** By the name of the process, the greatest first. */
  foreign: { name: string; cores: number; processes: number }[];
}

/** Names of what serves Python, where the pids of the workers are not known. */
const API_NAME = /^(gunicorn|python[\d.]*|uwsgi|uvicorn)\b/i;

/** Splits the CPU of the greatest processes of a machine by whose they are. */
export function burnersOf(facts: Facts, host: HostFacts): Burners {
  const gunicorn = host.role === 'database' ? undefined : facts.reports['gunicorn-workers'];
  const pids = gunicorn && new Set([gunicorn.master.pid, ...gunicorn.workers.map(({ pid }) => pid)]);
  const isApi = ({ pid, ppid, name }: HostFacts['topProcesses'][number]) =>
    pids ? pids.has(pid) || ppid === gunicorn?.master.pid : host.role !== 'database' && API_NAME.test(name);
  const burners: Burners = { api: 0, postgres: 0, foreign: [] };
  for (const one of host.topProcesses) {
    if (isApi(one)) burners.api += one.cpuCores;
    else if (/^postgres/.test(one.name)) burners.postgres += one.cpuCores;
    else addForeign(burners.foreign, one.name, one.cpuCores);
  }
  burners.foreign.sort((a, b) => b.cores - a.cores || a.name.localeCompare(b.name));
  return burners;
}

function addForeign(foreign: Burners['foreign'], name: string, cores: number): void {
  const known = foreign.find((one) => one.name === name);
  if (known) {
    known.cores += cores;
    known.processes += 1;
  } else foreign.push({ name, cores, processes: 1 });
}

export interface CpuState {
  saturated: boolean;
  /** PSI cpu some, 0 to 1, in the window; null where the kernel does not tell. */
  pressure: number | null;
  /** Cores that there are: of the machine, or what the limit of the container or unit leaves. */
  cores: number;
  /** "the CPU is 97 % busy (1.9 of 2 cores)" */
  words: string;
  data: Evidence['data'];
}

/** Whether the CPU of a machine, or the limit that Gunicorn runs under, is used up; null when nobody could tell. */
export function cpuStateOf(facts: Facts, host: HostFacts): CpuState | null {
  const { cpuRatio } = facts.service.thresholds;
  const pressure = host.pressure?.cpu.some ?? null;
  const limit = host.cgroup?.cpuLimitCores ?? null;
  const used = host.cgroup?.cpuUsedCores ?? null;
  if (limit !== null && used !== null && limit > 0 && used / limit >= cpuRatio) {
    const words = `the CPU limit of Gunicorn's container or unit is used up (${decimal(used)} of ${decimal(limit)} cores)`;
    return { saturated: true, pressure, cores: limit, words, data: { cgroup: host.cgroup } };
  }
  if (!host.cpu) return null;
  // What the hypervisor took was not at work here.
  const busy = Math.max(0, host.cpu.busy - host.cpu.steal);
  const words = `the CPU is ${percent(host.cpu.busy)} busy (${decimal(busy * host.cores)} of ${host.cores} cores at work)`;
  return {
    saturated: host.cpu.busy >= cpuRatio,
    pressure,
    cores: host.cores,
    words,
    data: { cpu: host.cpu, cores: host.cores, pressure: host.pressure?.cpu ?? null, load: host.load },
  };
}

/** "stress 1.9, the API 0.4, PostgreSQL 0.2 cores" */
export function burnerWords({ api, postgres, foreign }: Burners): string {
  const all = [
    { name: 'the API', cores: api },
    { name: 'PostgreSQL', cores: postgres },
    ...foreign.slice(0, 3),
  ].filter(({ cores }) => cores > 0);
  const sorted = all.sort((a, b) => b.cores - a.cores || a.name.localeCompare(b.name));
  return sorted.length === 0
    ? 'no process stands out'
    : `${sorted.map(({ name, cores }) => `${name} ${decimal(cores)}`).join(', ')} cores`;
}
