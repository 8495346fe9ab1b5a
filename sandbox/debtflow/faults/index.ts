import { celeryLocks } from './celery-locks.ts';
import { connectionLeak } from './connection-leak.ts';
import { ddlLockQueue } from './ddl-lock-queue.ts';
import { type Fault, type FaultTargets, inTurn, withNeeds } from './fault.ts';
import { hotRowContention } from './hot-row-contention.ts';
import { idleInTransaction } from './idle-in-transaction.ts';
import { longReportQuery } from './long-report-query.ts';
import { missingIndexActivities } from './missing-index-activities.ts';
import { missingIndexPayments } from './missing-index-payments.ts';
import { nPlusOne } from './n-plus-one.ts';
import { pgbouncerPoolStarved } from './pgbouncer-pool-starved.ts';
import { redisSlowCommand } from './redis-slow-command.ts';
import { slowDownstream } from './slow-downstream.ts';
import { trafficSpike } from './traffic-spike.ts';

const FAULTS = [
  idleInTransaction,
  hotRowContention,
  ddlLockQueue,
  celeryLocks,
  longReportQuery,
  missingIndexPayments,
  missingIndexActivities,
  connectionLeak,
  pgbouncerPoolStarved,
  redisSlowCommand,
  nPlusOne,
  slowDownstream,
  trafficSpike,
];

/** Every fault of DebtFlow, all off. */
export function createFaults(targets: FaultTargets): Fault[] {
  return FAULTS.map((create) => inTurn(withNeeds(create(targets), targets)));
}
