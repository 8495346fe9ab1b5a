import type { NamedService } from '../config/schema.ts';
import { PROBES } from '../probes/index.ts';
import type { Probe } from '../probes/probe.ts';
import { runProbe } from '../probes/run-probe.ts';
import { baselineOf } from './baseline-of.ts';
import type { IncidentDeps } from './deps.ts';
import { type ProbeReport, probeReport } from './probe-report.ts';

/** Looks of single probes outside of any incident: nothing is stored. */
export interface Looks {
  /**
   * The report, shared by all who ask for it meanwhile; null while another probe looks at this service. `of` names what
   * the probe looks for where `service` asks it to look for something particular.
   */
  look(service: NamedService, probeId: string, of?: string): Promise<ProbeReport> | null;
}

/** Keeps looking harmless: one probe per service at a time, however many people ask. */
export function createLooks(deps: IncidentDeps): Looks {
  const current = new Map<string, { wanted: string; report: Promise<ProbeReport> }>();
  return {
    look(service, probeId, of = '') {
      const wanted = `${probeId} ${of}`;
      const under = current.get(service.id);
      if (under) return under.wanted === wanted ? under.report : null;
      const report = lookOnce(deps, service, probeId).finally(() => current.delete(service.id));
      current.set(service.id, { wanted, report });
      return report;
    },
  };
}

async function lookOnce(deps: IncidentDeps, service: NamedService, probeId: string): Promise<ProbeReport> {
  const { targets, log } = deps;
  const probe = Object.values<Probe<unknown>>(PROBES).find(({ id }) => id === probeId);
  if (!probe) throw new Error(`there is no probe ${probeId}`);
  const outcome = await runProbe(probe, {
    service,
    targets: targets(service.id),
    windowMs: service.window,
    signal: new AbortController().signal,
    baseline: await baselineOf(deps, service.id),
    log,
  });
  const { status, durationMs } = outcome;
  log.info({ service: service.id, probeId, status, durationMs }, 'probe finished');
  return probeReport(outcome);
}
