import { connectionLeak } from './connection-leak.ts';
import { type Fault, type FaultTargets, inTurn } from './fault.ts';
import { idleInTransaction } from './idle-in-transaction.ts';
import { longReportQuery } from './long-report-query.ts';

/** Every fault of DebtFlow, all off. */
export function createFaults(targets: FaultTargets): Fault[] {
  return [idleInTransaction(targets), longReportQuery(targets), connectionLeak(targets)].map(inTurn);
}
