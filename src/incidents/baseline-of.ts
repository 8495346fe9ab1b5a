import type { Baseline } from '../probes/baseline.ts';
import { findBaseline } from '../store/baselines.ts';
import type { IncidentDeps } from './deps.ts';

/** The probes of a run begin together; what is normal does not change while they look. */
const REMEMBERED_MS = 5_000;

type Remembered = { at: number; baseline: Promise<Baseline | undefined> };
const remembered = new WeakMap<IncidentDeps['db'], Map<string, Remembered>>();

/** What is normal for a service, read once for all probes of a run. */
export function baselineOf(deps: IncidentDeps, service: string): Promise<Baseline | undefined> {
  const ofStore = remembered.get(deps.db) ?? new Map<string, Remembered>();
  remembered.set(deps.db, ofStore);
  const known = ofStore.get(service);
  if (known && performance.now() - known.at < REMEMBERED_MS) return known.baseline;
  const baseline = findBaseline(deps.db, service);
  ofStore.set(service, { at: performance.now(), baseline });
  // A failure is not remembered: the next probe asks again.
  baseline.catch(() => ofStore.delete(service));
  return baseline;
}
