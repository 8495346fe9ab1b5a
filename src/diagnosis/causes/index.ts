import type { CauseRule } from '../cause-rule.ts';
import { celeryBacklog } from './celery-backlog.ts';
import { celeryContention } from './celery-contention.ts';
import { celeryDown } from './celery-down.ts';
import { checkpointStorm } from './checkpoint-storm.ts';
import { connectionChurn } from './connection-churn.ts';
import { connectionExhaustion } from './connection-exhaustion.ts';
import { cpuSaturationApi } from './cpu-saturation-api.ts';
import { cpuSaturationDb } from './cpu-saturation-db.ts';
import { cpuSteal } from './cpu-steal.ts';
import { diskFull } from './disk-full.ts';
import { downstreamApiSlow } from './downstream-api-slow.ts';
import { gunicornStarvation } from './gunicorn-starvation.ts';
import { ioSaturation } from './io-saturation.ts';
import { lockActiveWriter } from './lock-active-writer.ts';
import { lockIdleInTx } from './lock-idle-in-tx.ts';
import { lockQueueDdl } from './lock-queue-ddl.ts';
import { longRunningQuery } from './long-running-query.ts';
import { memorySwapOom } from './memory-swap-oom.ts';
import { missingIndex } from './missing-index.ts';
import { nPlusOne } from './n-plus-one.ts';
import { network } from './network.ts';
import { pgbouncerPaused } from './pgbouncer-paused.ts';
import { planRegression } from './plan-regression.ts';
import { poolStarvation } from './pool-starvation.ts';
import { preparedTxOrphan } from './prepared-tx-orphan.ts';
import { redisForkAofStall } from './redis-fork-aof-stall.ts';
import { redisMemoryEviction } from './redis-memory-eviction.ts';
import { redisSlowCommand } from './redis-slow-command.ts';
import { redisUnreachable } from './redis-unreachable.ts';
import { replicationBackupLoad } from './replication-backup-load.ts';
import { sortSpill } from './sort-spill.ts';
import { staleStatsBloat } from './stale-stats-bloat.ts';
import { trafficSpike } from './traffic-spike.ts';
import { wraparoundVacuum } from './wraparound-vacuum.ts';

/** Every cause the bot can prove or rule out. A new cause is one file and one line here. */
export const CAUSES: readonly CauseRule[] = [
  longRunningQuery,
  lockIdleInTx,
  lockActiveWriter,
  lockQueueDdl,
  preparedTxOrphan,
  missingIndex,
  nPlusOne,
  planRegression,
  staleStatsBloat,
  sortSpill,
  connectionExhaustion,
  poolStarvation,
  pgbouncerPaused,
  connectionChurn,
  ioSaturation,
  checkpointStorm,
  replicationBackupLoad,
  wraparoundVacuum,
  redisSlowCommand,
  redisMemoryEviction,
  redisForkAofStall,
  redisUnreachable,
  gunicornStarvation,
  cpuSaturationApi,
  cpuSaturationDb,
  cpuSteal,
  memorySwapOom,
  celeryContention,
  celeryBacklog,
  celeryDown,
  trafficSpike,
  downstreamApiSlow,
  diskFull,
  network,
];

const OWN_TITLES: Record<string, string> = {
  healthy: 'Nothing wrong',
  'no-cause-proven': 'No cause proven',
};

/** What people read for a cause id. */
export function causeTitle(id: string): string {
  return CAUSES.find((cause) => cause.id === id)?.title ?? OWN_TITLES[id] ?? id;
}
