import type { z } from 'zod';
import type { NamedService } from '../config/schema.ts';
import type { Log } from '../targets/log.ts';
import type { Targets } from '../targets/targets.ts';

export type TargetName = 'postgres' | 'metrics';

export interface ProbeContext {
  service: NamedService;
  targets: Targets;
  /** Length of the sampling window that all probes of a run share, in milliseconds. */
  windowMs: number;
  /** Aborts at the probe's deadline, or when the run is given up. */
  signal: AbortSignal;
  /** Gets the error behind a failed outcome, in full. */
  log?: Log | undefined;
}

/** Looks at one thing, decides nothing, and returns typed facts. */
export interface Probe<Report> {
  id: string;
  title: string;
  /** Step of the runbook that this probe automates. */
  runbookStep: number;
  /** Target without which there is nothing to look at; the probe is then skipped and says so. */
  needs: TargetName;
  /** Time allowed beyond the sampling window, in milliseconds. */
  graceMs: number;
  report: z.ZodType<Report>;
  run(context: ProbeContext): Promise<Report>;
}

/** How one probe of a run ended. Only `answered` may prove or rule out anything. */
export type ProbeOutcome<Report = unknown> =
  | {
      probeId: string;
      step: number;
      status: 'answered';
      startedAt: string;
      durationMs: number;
      report: Report;
    }
  | {
      probeId: string;
      step: number;
      status: 'skipped' | 'failed';
      startedAt: string;
      durationMs: number;
      reason: string;
      code: string;
    };
