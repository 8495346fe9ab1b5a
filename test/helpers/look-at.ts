import type { NamedService } from '../../src/config/schema.ts';
import { type BackendTarget, backendTarget } from '../../src/mitigations/backend-target.ts';
import type { MitigationContext } from '../../src/mitigations/mitigation.ts';
import { activeQueries } from '../../src/probes/active-queries.ts';
import type { Targets } from '../../src/targets/targets.ts';

/** What a mitigation gets, with plenty of time. */
export function mitigationContext(service: NamedService, targets: Targets): MitigationContext {
  return { service, targets, signal: AbortSignal.timeout(15_000) };
}

/** The snapshot that a proposal for this pid would carry, taken by the probe itself. */
export async function targetOf(pid: number, context: MitigationContext): Promise<BackendTarget> {
  const report = await activeQueries.run({ ...context, windowMs: 1 });
  const session = report.sessions.find((candidate) => candidate.pid === pid);
  if (!session) throw new Error(`the probe does not see pid ${pid}`);
  return backendTarget(session);
}
