import type { Db } from '../store/database.ts';
import { runsOf } from '../store/runs.ts';

/** Id of the cause that the newest whole run of an incident named first; null when it named none. */
export async function namedCause(db: Db, incidentId: number): Promise<string | null> {
  const runs = await runsOf(db, incidentId);
  const diagnosis = runs.findLast((run) => run.kind === 'triage' && run.diagnosis !== null)?.diagnosis;
  if (diagnosis?.verdict !== 'cause-found') return null;
  return diagnosis.causes.find(({ status }) => status === 'found')?.id ?? null;
}
