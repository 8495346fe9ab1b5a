import { expect } from 'vitest';
import type { NamedService } from '../../src/config/schema.ts';
import type { Probe } from '../../src/probes/probe.ts';
import { runProbe } from '../../src/probes/run-probe.ts';
import { openTargets, type Targets } from '../../src/targets/targets.ts';

/** Runs a probe the way the bot does, and returns its report. */
export async function reportOf<Report>(
  probe: Probe<Report>,
  service: NamedService,
  targets: Targets,
  windowMs = 300,
): Promise<Report> {
  const signal = AbortSignal.timeout(20_000);
  // Generous: the machine that runs the tests may be busy.
  const outcome = await runProbe(probe, { service, targets, windowMs, signal }, 15_000);
  if (outcome.status !== 'answered') throw new Error(`${probe.id} could not look: ${outcome.reason}`);
  expect(outcome.durationMs).toBeGreaterThanOrEqual(0);
  return outcome.report;
}

/** Opens the clients of a service for `work`, and closes them. */
export async function withTargets<T>(
  service: NamedService,
  work: (targets: Targets) => Promise<T>,
): Promise<T> {
  const targets = openTargets(service);
  try {
    return await work(targets);
  } finally {
    await targets.close();
  }
}
