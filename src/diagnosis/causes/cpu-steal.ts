import type { HostFacts } from '../../probes/host.ts';
import {
  type Case,
  type CauseRule,
  confidence,
  couldNotLook,
  nobodySuffers,
  ruledOut,
  shareOf,
} from '../cause-rule.ts';
import type { Place } from '../diagnosis.ts';
import { hostName, hostOf, unseenHost } from '../hosts.ts';
import { inFlightAt } from '../ledger.ts';
import { percent } from '../words.ts';

/** The hypervisor gives the CPU that the machine asks for to others. */
export const cpuSteal: CauseRule = {
  id: 'cpu-steal',
  title: 'CPU taken by the hypervisor',
  explanation: {
    what: 'The virtual machine wants the CPU and does not get it: the hypervisor gives it to other machines, or the CPU credits of a burstable instance are used up. Everything on the machine is slow at once.',
    signs:
      'steal in /proc/stat is at least stealRatio of the CPU time. Ruled out below that. Nothing inside the machine shows another cause.',
    act: ['Move the machine to another host, or to an instance type that does not share its cores.'],
    avoid: ['Tuning statements or adding workers: the cores are not there.'],
    prevent: ['Dedicated cores for PostgreSQL and the API, and an alert on steal and on CPU credits.'],
  },
  needs: ['host'],
  explainedBy: [],

  judge(the) {
    const { stealRatio, cpuPressurePercent } = the.facts.service.thresholds;
    const hosts = the.facts.reports.host?.hosts ?? [];
    const stolen = hosts
      .flatMap((host) => (host.cpu ? [{ host, steal: host.cpu.steal, cpu: host.cpu }] : []))
      .sort((a, b) => b.steal - a.steal || a.host.role.localeCompare(b.host.role));
    const [worst] = stolen;
    if (!worst || worst.steal < stealRatio) return notStolen(the, worst);
    const words = `the hypervisor takes ${percent(worst.steal)} of the CPU of ${hostName(worst.host)}`;
    const evidence = [{ text: words, data: { cpu: worst.cpu, cores: worst.host.cores } }];
    if (nobodySuffers(the)) return ruledOut(`${words}, but the API does not suffer`, evidence);
    const { pressure, procsRunning, cores } = worst.host;
    const inLine =
      (pressure !== null && pressure.cpu.some * 100 >= cpuPressurePercent) || (procsRunning ?? 0) > cores;
    return {
      status: 'found',
      share: shareOf(inFlightAt(the.ledger, ...placesOf(worst.host)) * ofBusy(worst), the.ledger),
      confidence: confidence(inLine),
      summary: `${capital(words)}: only another machine helps.`,
      evidence: [
        ...evidence,
        ...(procsRunning === null
          ? []
          : [{ text: `${procsRunning} tasks want one of ${cores} cores`, data: { procsRunning, cores } }]),
      ],
      against: [],
      mitigations: [],
      advice: [
        'Ask the provider or the platform team to move the machine; check CPU credits on a burstable instance.',
      ],
    };
  },
};

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

function placesOf({ role }: HostFacts): Place[] {
  if (role === 'api+database') return ['app-cpu', 'db-cpu'];
  return role === 'api' ? ['app-cpu'] : ['db-cpu'];
}

/** The part of the CPU time, wanted or had, that was taken away. */
function ofBusy({ steal, cpu }: { steal: number; cpu: { busy: number } }): number {
  return cpu.busy > 0 ? Math.min(1, steal / cpu.busy) : 1;
}

function notStolen({ facts }: Case, worst: { host: HostFacts; steal: number } | undefined) {
  for (const of of ['api', 'database'] as const) {
    const host = hostOf(facts, of);
    if (host && !host.cpu) return couldNotLook(`the CPU times of ${hostName(host)} could not be seen`);
    // A database elsewhere that nobody asked to look at leaves the API's machine ruled out, and is named.
    if (!host && (of === 'api' || facts.service.targets.databaseHost))
      return couldNotLook(unseenHost(facts, of));
  }
  const steal = worst?.steal ?? 0;
  const only = hostOf(facts, 'database') ? '' : '; the machine of PostgreSQL was not looked at';
  const text = `the hypervisor takes ${percent(steal)} of the CPU${only}`;
  return ruledOut(text, [{ text, data: { steal } }]);
}
