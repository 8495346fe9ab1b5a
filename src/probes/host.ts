import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { userMessageOf } from '../errors.ts';
import type { HostTarget } from '../targets/host.ts';
import { machineLookOf } from '../targets/machine-look.ts';
import type { NodeExporterTarget, NodeRole } from '../targets/node-exporter.ts';
import type { Targets } from '../targets/targets.ts';
import { hostDifference } from './host-difference.ts';
import { HostDifference } from './host-facts.ts';
import { NotSeen } from './not-seen.ts';
import type { Probe, ProbeContext } from './probe.ts';

const Host = HostDifference.extend({
  /** What of the service runs on it. */
  role: z.enum(['api', 'database', 'api+database']),
  /** How it is reached: "this machine", "ssh api-1". */
  title: z.string(),
  /** "script", over the window, or "node_exporter 60s", over so many seconds before its end. */
  source: z.string(),
});

const Report = z.object({
  hosts: z.array(Host),
  /** Hosts that could not be looked at. */
  notSeen: z.array(NotSeen),
});

export type HostReport = z.infer<typeof Report>;
export type HostFacts = z.infer<typeof Host>;

/** CPU, memory, disks and network of the machines, between two looks at the ends of the window. */
export const host: Probe<HostReport> = {
  id: 'host',
  title: 'Server resources',
  runbookStep: 7,
  needs: [],
  needsOneOf: ['host', 'databaseHost', 'nodeExporter'],
  cost: 'a shell script that reads /proc and runs df, twice on each host, or 2 queries to Prometheus for each',
  requires: ['host:reachable', 'nodeExporter:reachable'],
  improvedBy: ['host:pressure'],
  report: Report,

  async run(context) {
    const wanted = machinesOf(context.targets);
    const looks = await Promise.allSettled(wanted.map((machine) => factsOf(machine, context)));
    const failures = looks.map((look) => (look.status === 'rejected' ? look.reason : null));
    const hosts = looks.flatMap((look) => (look.status === 'fulfilled' ? look.value : []));
    if (hosts.length === 0) throw failures[0];
    const notSeen = failures.flatMap((error, i) => {
      const role = wanted[i]?.role;
      if (error === null || role === undefined) return [];
      return { what: `host of the ${role}`, reason: userMessageOf(error), remedy: null };
    });
    return { hosts, notSeen };
  },
};

interface Machine {
  role: HostFacts['role'];
  /** The ways to look at it, the better one first. */
  looks: ((context: ProbeContext) => Promise<HostFacts>)[];
}

function machinesOf({ host: api, databaseHost, nodeExporter }: Targets): Machine[] {
  const isOne = api ? api.runsPostgres : (nodeExporter?.runsPostgres ?? false);
  const looks = (role: HostFacts['role'], script: HostTarget | undefined, node: NodeRole) => [
    ...(script ? [(context: ProbeContext) => byScript(role, script, context)] : []),
    ...(nodeExporter?.tells[node]
      ? [(context: ProbeContext) => byNodeExporter(role, nodeExporter, node, context)]
      : []),
  ];
  const ofApi = isOne ? 'api+database' : 'api';
  const machines: Machine[] = [
    { role: ofApi, looks: looks(ofApi, api, 'api') },
    // The same machine needs no second look, unless somebody configured one.
    ...(isOne && !databaseHost
      ? []
      : [{ role: 'database' as const, looks: looks('database', databaseHost, 'database') }]),
  ];
  return machines.filter((machine) => machine.looks.length > 0);
}

/** By the first way that works; what the better one had to say is among what was not seen. */
async function factsOf({ looks: [first, second] }: Machine, context: ProbeContext): Promise<HostFacts> {
  if (!first) throw new Error('there is no way to look at this machine');
  const [look] = await Promise.allSettled([first(context)]);
  if (look.status === 'fulfilled') return look.value;
  if (!second || context.signal.aborted) throw look.reason;
  const [instead] = await Promise.allSettled([second(context)]);
  if (instead.status === 'rejected') throw look.reason;
  const missed = { what: 'this window', reason: userMessageOf(look.reason), remedy: null };
  return { ...instead.value, notSeen: [missed, ...instead.value.notSeen] };
}

async function byScript(
  role: HostFacts['role'],
  target: HostTarget,
  context: ProbeContext,
): Promise<HostFacts> {
  const { windowMs, signal } = context;
  const endAt = performance.now() + windowMs;
  const begin = machineLookOf(await target.look('resources', signal));
  await sleep(Math.max(0, endAt - performance.now()), undefined, { signal });
  const end = machineLookOf(await target.look('resources', signal));
  return { role, title: target.title, source: 'script', ...hostDifference(begin, end) };
}

/** At the end of the window, so that as much of it as was scraped is in it. */
async function byNodeExporter(
  role: HostFacts['role'],
  target: NodeExporterTarget,
  node: NodeRole,
  { windowMs, signal }: ProbeContext,
): Promise<HostFacts> {
  await sleep(windowMs, undefined, { signal });
  const { begin, end, name } = await target.look(node, signal);
  const facts = hostDifference(begin, end);
  return {
    role,
    title: name === null ? 'node_exporter' : `node_exporter of ${name}`,
    source: `node_exporter ${Math.round(facts.windowMs / 1_000)}s`,
    ...facts,
    notSeen: [...facts.notSeen, ...UNTOLD],
  };
}

const UNTOLD: NotSeen[] = ['processes', 'limits of the container or unit'].map((what) => ({
  what,
  reason: 'node_exporter does not tell them',
  remedy: 'let the bot look at the machine itself: targets.host or targets.databaseHost',
}));
