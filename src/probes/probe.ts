import type { z } from 'zod';
import type { NamedService } from '../config/schema.ts';
import type { Log } from '../targets/log.ts';
import type { RequirementId } from '../targets/requirement.ts';
import type { Targets } from '../targets/targets.ts';
import type { Baseline } from './baseline.ts';

export type TargetName = keyof Targets;

/** Time that a probe has beyond the sampling window: a run with the default window ends within 5 s whatever hangs. */
export const GRACE_MS = 1_800;

export interface ProbeContext {
  service: NamedService;
  targets: Targets;
  /** Length of the sampling window that all probes of a run share, in milliseconds. */
  windowMs: number;
  /** Aborts at the probe's deadline, or when the run is given up. */
  signal: AbortSignal;
  /** What is normal for the service; absent where no store kept it. */
  baseline?: Baseline | undefined;
  /** Gets the error behind a failed outcome, in full. */
  log?: Log | undefined;
}

/** Looks at one thing, decides nothing, and returns typed facts. */
export interface Probe<Report> {
  id: string;
  title: string;
  /** Step of the runbook that this probe automates; 8 is its section on tuning. */
  runbookStep: number;
  /** Targets without which there is nothing to look at; the probe is then skipped and says so. */
  needs: readonly TargetName[];
  /** Targets of which one is enough; without any of them it is skipped as well. */
  needsOneOf?: readonly TargetName[];
  /** What it costs the diagnosed system, in words an operator can check. */
  cost: string;
  /** Without one of these the probe cannot look; `latency-bot doctor` checks them. */
  requires: readonly RequirementId[];
  /** Without one of these it looks, and its report says what it could not see. */
  improvedBy: readonly RequirementId[];
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
