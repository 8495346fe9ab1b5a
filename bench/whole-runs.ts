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
  /** p95 of the API at its client, over 10 s each. */
  p95Ms: { quiet: number[]; looking: number[] };
}

/** The role of the probes in the sandbox. */
const ROLE = 'latency_probe';
/** The client's numbers are those of the last 10 s; a look that began before must be over. */
const PHASE_MS = 11_000;
/** What drifts on the machine falls on both kinds alike. */
const PHASES = ['quiet', 'looking', 'looking', 'quiet', 'quiet', 'looking', 'looking', 'quiet'] as const;
const MIN_RUNS = 10;

/** All probes together, one run after the other without a pause, and what the users of the API notice of it. */
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
    for (const phase of PHASES) {
      if (phase === 'quiet') await sleep(PHASE_MS);
      else await lookFor(PHASE_MS, debtflow, { ...opened, ...counted.targets }, result);
      result.p95Ms[phase].push(await debtflow.p95Ms());
    }
    const after = await meter.read(ROLE);
    const runs = result.durationsMs.length;
    if (runs < MIN_RUNS) throw new Error(`only ${runs} runs in ${PHASES.length} phases`);
    result.statements = (after.statements - before.statements) / runs;
    result.serverMs = (after.serverMs - before.serverMs) / runs;
    result.commands = counted.commands() / runs;
    result.sessions = meter.mostSessions(ROLE);
  } finally {
    await opened.close();
  }
  return result;
}

async function lookFor(
  ms: number,
  debtflow: BenchedDebtflow,
  targets: OpenTargets,
  result: WholeRuns,
): Promise<void> {
  const end = performance.now() + ms;
  while (performance.now() < end) {
    const { durationMs, outcomes } = await triageOnce({ service: debtflow.service(), targets });
    result.durationsMs.push(durationMs);
    for (const outcome of outcomes) {
      if (outcome.status !== 'answered') result.failed.push(`${outcome.probeId}: ${outcome.reason}`);
    }
  }
}
