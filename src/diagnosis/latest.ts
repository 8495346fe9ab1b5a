import type { Diagnosis } from './diagnosis.ts';

/** A run of the runbook, as far as it matters here. */
interface Looked {
  kind: string;
  diagnosis: Diagnosis | null;
  finishedAt: Date | null;
}

/**
 * The diagnosis that tells what an incident was about: the newest that found a cause, else the newest; a look after the
 * recovery finds nothing any more.
 */
export function tellingDiagnosis(runs: readonly Looked[]): Diagnosis | null {
  const all = runs.flatMap(({ kind, diagnosis }) => (kind === 'triage' && diagnosis ? [diagnosis] : []));
  return all.findLast(({ verdict }) => verdict === 'cause-found') ?? all.at(-1) ?? null;
}

/** The latency that a watch saw. */
export interface Watched {
  at: Date;
  p95Ms: number | null;
  errorRate: number | null;
}

/** What the newest look saw, of a whole run or of the watch; null where nothing was measured. */
export function latencyNow(
  runs: readonly Looked[],
  watched: Watched | null,
): { p95Ms: number | null; errorRate: number | null } {
  const run = runs.findLast(({ diagnosis }) => diagnosis !== null);
  if (watched && (!run?.finishedAt || watched.at > run.finishedAt)) return watched;
  const scope = run?.diagnosis?.scope;
  return { p95Ms: scope?.p95Ms ?? null, errorRate: scope?.errorRate ?? null };
}
