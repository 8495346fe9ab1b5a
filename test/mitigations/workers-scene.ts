import { expect } from 'vitest';
import type { NamedService } from '../../src/config/schema.ts';
import type { MitigationContext } from '../../src/mitigations/mitigation.ts';
import { WorkersTarget } from '../../src/mitigations/workers.ts';
import { gunicornWorkers } from '../../src/probes/gunicorn-workers.ts';
import type { Targets } from '../../src/targets/targets.ts';

/** The snapshot of the master that a proposal would carry, taken by the probe itself. */
export async function workersTarget(
  service: NamedService,
  targets: Targets,
  by: number,
): Promise<WorkersTarget> {
  const signal = AbortSignal.timeout(15_000);
  const report = await gunicornWorkers.run({ service, targets, windowMs: 200, signal });
  expect(report.control?.acts).toBe('yes');
  return WorkersTarget.parse({
    ...{ pid: report.master.pid, startTicks: report.master.startTicks },
    ...{ command: report.control?.command, workers: report.workerCount },
    ...{ host: targets.host?.title, by },
  });
}

export const workersContext = (service: NamedService, targets: Targets): MitigationContext => ({
  ...{ service, targets },
  signal: AbortSignal.timeout(60_000),
});
