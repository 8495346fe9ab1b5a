import { setTimeout as sleep } from 'node:timers/promises';
import { triageOnce } from '../src/incidents/triage.ts';
import { type OpenTargets, openTargets } from '../src/targets/targets.ts';
import type { BenchedDebtflow } from './debtflow.ts';
import type { Meter } from './meter.ts';
import { countCommands } from './probe-cost.ts';

export interface WholeRuns {
  durationsMs: number[];
  /** Of each probe that did not answer, "probe: reason". */
  failed: string[];
  /** Per run. */
  statements: number;
  serverMs: number;
  commands: number;
  sessions: number;
  /** p95 of the API at its client, over the last 3 s of each phase. */
  p95Ms: { quiet: number[]; looking: number[] };
}

/** The role of the probes in the sandbox. */
const ROLE = 'latency_probe';
/** One phase is one run, or as long without one. They take turns so quickly that what drifts on the machine meets both. */
const PHASE_MS = 3_250;
const PAIRS = 12;
const PAIR = ['quiet', 'looking'] as const;

/** All probes together, and what the users of the API notice while they look. */
export async function measureWholeRuns(debtflow: BenchedDebtflow, meter: Meter): Promise<WholeRuns> {
  const opened = openTargets(debtflow.service());
  const counted = countCommands(opened);
  const result: WholeRuns = {
    ...{ durationsMs: [], failed: [], statements: 0, serverMs: 0, commands: 0, sessions: 0 },
    p95Ms: { quiet: [], looking: [] },
  };
  opened.start();
  try {
    meter.mostSessions(ROLE);
    const before = await meter.read(ROLE);
    for (let pair = 0; pair < PAIRS; pair++) {
      for (const phase of pair % 2 === 0 ? PAIR : PAIR.toReversed()) {
        if (phase === 'quiet') await sleep(PHASE_MS);
        else await look(debtflow, { ...opened, ...counted.targets }, result);
        result.p95Ms[phase].push(await debtflow.p95Ms());
      }
    }
    const after = await meter.read(ROLE);
    const runs = result.durationsMs.length;
    result.statements = (after.statements - before.statements) / runs;
    result.serverMs = (after.serverMs - before.serverMs) / runs;
    result.commands = counted.commands() / runs;
    result.sessions = meter.mostSessions(ROLE);
  } finally {
    await opened.close();
  }
  return result;
}

async function look(debtflow: BenchedDebtflow, targets: OpenTargets, result: WholeRuns): Promise<void> {
  const { durationMs, outcomes } = await triageOnce({ service: debtflow.service(), targets });
  result.durationsMs.push(durationMs);
  for (const outcome of outcomes) {
    if (outcome.status !== 'answered') result.failed.push(`${outcome.probeId}: ${outcome.reason}`);
  }
}
