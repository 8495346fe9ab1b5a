import type { NamedService } from '../config/schema.ts';
import type { IncidentDeps } from './deps.ts';
import { mitigationOf } from './kinds.ts';

/** A look at the target has to fit into the 3 s that Slack gives an answer. */
const LOOK_DEADLINE_MS = 1_500;

type Seen = { state: 'same'; dryRun: Record<string, unknown> } | { state: 'changed'; reason: string };

/** The dry run as of now; when the target cannot be reached in time, what was seen before stays. */
export async function lookAtTarget(
  deps: IncidentDeps,
  service: NamedService,
  offer: { id: number; kind: string; target: Record<string, unknown>; dryRun: Record<string, unknown> },
): Promise<Seen> {
  const mitigation = mitigationOf(offer.kind);
  if (!mitigation) return { state: 'changed', reason: 'this kind of mitigation is not known any more' };
  const signal = AbortSignal.timeout(LOOK_DEADLINE_MS);
  try {
    const target = mitigation.target.parse(offer.target);
    return await mitigation.look(target, { service, targets: deps.targets(service.id), signal });
  } catch (err) {
    // Execution looks again in the statement that acts, so asking may go on without this look.
    deps.log.warn({ err, mitigationId: offer.id }, 'looking at the target before asking');
    return { state: 'same', dryRun: offer.dryRun };
  }
}
