import type { NamedService } from '../config/schema.ts';
import type { Db } from '../store/database.ts';
import { executedCount, executedInHour, isUnderWay } from '../store/executions.ts';
import type { MitigationRow } from '../store/mitigations.ts';
import { kindsOfBudget, mitigationOf } from './kinds.ts';
import type { Refusal } from './policy.ts';

/**
 * Whether a limit of the service stands against this change: per incident and sort, per hour, and one index build at
 * a time. Judged when it is asked for and again with its claim. What only takes a change back is never held up.
 */
export async function budgetRefusal(
  db: Db,
  row: MitigationRow,
  service: NamedService,
): Promise<Extract<Refusal, { refused: 'budget-used' }> | null> {
  const budget = mitigationOf(row.kind)?.budget;
  if (budget === undefined || row.undoes !== null) return null;
  const { limits, maxPerHour } = service.mitigations;
  const kinds = kindsOfBudget(budget);
  if ((await executedCount(db, row.incidentId, kinds)) >= limits[budget]) {
    return { refused: 'budget-used', what: budget, limit: limits[budget] };
  }
  if ((await executedInHour(db, row.service)) >= maxPerHour) {
    return { refused: 'budget-used', what: 'hour', limit: maxPerHour };
  }
  if (budget === 'indexes' && (await isUnderWay(db, row, kinds))) {
    return { refused: 'budget-used', what: 'index-build', limit: 1 };
  }
  return null;
}
