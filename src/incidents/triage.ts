import type { NamedService } from '../config/schema.ts';
import { diagnose } from '../diagnosis/diagnose.ts';
import type { Diagnosis } from '../diagnosis/diagnosis.ts';
import { PROBES } from '../probes/index.ts';
import type { Probe, ProbeOutcome } from '../probes/probe.ts';
import { runProbe } from '../probes/run-probe.ts';
import type { Log } from '../targets/log.ts';
import type { Targets } from '../targets/targets.ts';
import { onlyOfferable } from './propose.ts';

export interface TriageOptions {
  service: NamedService;
  targets: Targets;
  /** Told of each probe as it ends. */
  onProgress?: ((outcome: ProbeOutcome) => void) | undefined;
  /** Gives the run up. */
  signal?: AbortSignal | undefined;
  log?: Log | undefined;
}

export interface Triage {
  startedAt: string;
  durationMs: number;
  outcomes: ProbeOutcome[];
  diagnosis: Diagnosis;
}

/** One pass of the runbook: every probe over the same window, then the diagnosis. A failing probe costs nothing else. */
export async function triageOnce(options: TriageOptions): Promise<Triage> {
  const { service, targets, onProgress, log } = options;
  const startedAt = new Date().toISOString();
  const begin = performance.now();
  const context = {
    service,
    targets,
    windowMs: service.window,
    signal: options.signal ?? new AbortController().signal,
    log,
  };
  const probes: Probe<unknown>[] = Object.values(PROBES);
  const outcomes = await Promise.all(
    probes.map(async (probe) => {
      const outcome = await runProbe(probe, context);
      onProgress?.(outcome);
      return outcome;
    }),
  );
  const diagnosis = onlyOfferable(diagnose({ service, outcomes }), service);
  return { startedAt, durationMs: Math.round(performance.now() - begin), outcomes, diagnosis };
}
