import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { BotError, userMessageOf } from '../errors.ts';
import type { HostTarget } from '../targets/host.ts';
import { machineLookOf } from '../targets/machine-look.ts';
import { hostDifference } from './host-difference.ts';
import { HostDifference, NotSeen } from './host-facts.ts';
import type { Probe, ProbeContext } from './probe.ts';

const Host = HostDifference.extend({
  /** What of the service runs on it. */
  role: z.enum(['api', 'database', 'api+database']),
  /** How it is reached: "this machine", "ssh api-1". */
  title: z.string(),
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
  needs: ['host'],
  cost: 'a shell script that reads /proc and runs df, twice on each host',
  requires: ['host:reachable'],
  improvedBy: ['host:pressure'],
  report: Report,

  async run(context) {
    const { host: api, databaseHost } = context.targets;
    if (!api) throw new BotError('not-configured', 'no host of the API is configured');
    const wanted: [role: HostFacts['role'], target: HostTarget][] = [
      [api.runsPostgres ? 'api+database' : 'api', api],
      ...(databaseHost ? [['database', databaseHost] as ['database', HostTarget]] : []),
    ];
    const looks = await Promise.allSettled(wanted.map(([role, target]) => factsOf(role, target, context)));
    const failures = looks.map((look) => (look.status === 'rejected' ? look.reason : null));
    const hosts = looks.flatMap((look) => (look.status === 'fulfilled' ? look.value : []));
    if (hosts.length === 0) throw failures[0];
    const notSeen = failures.flatMap((error, i) => {
      const role = wanted[i]?.[0];
      if (error === null || role === undefined) return [];
      return { what: `host of the ${role}`, reason: userMessageOf(error), remedy: null };
    });
    return { hosts, notSeen };
  },
};

async function factsOf(
  role: HostFacts['role'],
  target: HostTarget,
  context: ProbeContext,
): Promise<HostFacts> {
  const { windowMs, signal } = context;
  const endAt = performance.now() + windowMs;
  const begin = machineLookOf(await target.look('resources', signal));
  await sleep(Math.max(0, endAt - performance.now()), undefined, { signal });
  const end = machineLookOf(await target.look('resources', signal));
  return { role, title: target.title, ...hostDifference(begin, end) };
}
