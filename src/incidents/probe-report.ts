import { type AnyReport, PROBES, type ProbeId } from '../probes/index.ts';
import type { Probe, ProbeOutcome } from '../probes/probe.ts';
import { RUNBOOK_STEPS } from '../runbook/runbook.ts';

/** A probe as people choose it and read about it. */
export interface ProbeInfo {
  id: string;
  title: string;
  step: number;
  stepTitle: string;
}

/** What one probe said, as it is shown. */
export interface ProbeReport {
  probe: ProbeInfo;
  durationMs: number;
  answer: { status: 'answered'; report: AnyReport } | { status: 'skipped' | 'failed'; reason: string };
}

/** All probes in the order of the runbook. */
export const PROBE_LIST: readonly ProbeInfo[] = Object.values<Probe<unknown>>(PROBES)
  .map(infoOf)
  .sort((a, b) => a.step - b.step);

/** Null when there is no such probe, or not any more. */
export function findProbe(id: string): ProbeInfo | null {
  return PROBE_LIST.find((probe) => probe.id === id) ?? null;
}

/** Reads an outcome, which may have been stored by an older version of the bot. */
export function probeReport(outcome: ProbeOutcome): ProbeReport {
  const { probeId: id, step, durationMs } = outcome;
  const probe = findProbe(id) ?? { id, title: id, step, stepTitle: stepTitle(step) };
  if (outcome.status !== 'answered') {
    return { probe, durationMs, answer: { status: outcome.status, reason: outcome.reason } };
  }
  const report = parseReport(id, outcome.report);
  if (report) return { probe, durationMs, answer: { status: 'answered', report } };
  const reason = 'its report is of another version of the bot and cannot be shown; look again';
  return { probe, durationMs, answer: { status: 'failed', reason } };
}

function parseReport(id: string, report: unknown): AnyReport | null {
  if (!isProbeId(id)) return null;
  const parsed = PROBES[id].report.safeParse(report);
  // The schema of a probe gives the report of that probe.
  return parsed.success ? ({ probeId: id, report: parsed.data } as AnyReport) : null;
}

function isProbeId(id: string): id is ProbeId {
  return Object.hasOwn(PROBES, id);
}

function infoOf({ id, title, runbookStep }: Probe<unknown>): ProbeInfo {
  return { id, title, step: runbookStep, stepTitle: stepTitle(runbookStep) };
}

function stepTitle(step: number): string {
  return RUNBOOK_STEPS.find(({ number }) => number === step)?.title ?? '';
}
