import { celeryLocks } from './celery-locks.ts';
import { connectionLeak } from './connection-leak.ts';
import { cpuHog } from './cpu-hog.ts';
import { ddlLockQueue } from './ddl-lock-queue.ts';
import { deadTuples } from './dead-tuples.ts';
import { type Fault, type FaultTargets, inTurn, withNeeds } from './fault.ts';
import { hotRowContention } from './hot-row-contention.ts';
import { idleInTransaction } from './idle-in-transaction.ts';
import { innocentLongQuery } from './innocent-long-query.ts';
import { ioPressure } from './io-pressure.ts';
import { lockExhaustion } from './lock-exhaustion.ts';
import { longReportQuery } from './long-report-query.ts';
import { missingIndexActivities } from './missing-index-activities.ts';
import { missingIndexPayments } from './missing-index-payments.ts';
import { nPlusOne } from './n-plus-one.ts';
import { nightlyVacuum } from './nightly-vacuum.ts';
import { pgbouncerPaused } from './pgbouncer-paused.ts';
import { pgbouncerPoolStarved } from './pgbouncer-pool-starved.ts';
import { redisDown } from './redis-down.ts';
import { redisMaxmemory } from './redis-maxmemory.ts';
import { redisSlowCommand } from './redis-slow-command.ts';
import { slowDownstream } from './slow-downstream.ts';
import { sortSpill } from './sort-spill.ts';
import { staleStatistics } from './stale-statistics.ts';
import { trafficSpike } from './traffic-spike.ts';

const FAULTS = [
  idleInTransaction,
  hotRowContention,
  ddlLockQueue,
  celeryLocks,
  lockExhaustion,
  longReportQuery,
  missingIndexPayments,
  missingIndexActivities,
  staleStatistics,
  deadTuples,
  sortSpill,
  connectionLeak,
  pgbouncerPoolStarved,
  pgbouncerPaused,
  redisSlowCommand,
  redisMaxmemory,
  redisDown,
  nPlusOne,
  slowDownstream,
  trafficSpike,
  cpuHog,
  ioPressure,
  innocentLongQuery,
  nightlyVacuum,
];

/** Every fault of DebtFlow, all off. */
export function createFaults(targets: FaultTargets): Fault[] {
  return FAULTS.map((create) => inTurn(withNeeds(create(targets), targets)));
}
