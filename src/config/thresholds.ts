import { z } from 'zod';

interface Threshold {
  default: number;
  /** `ratio` is between 0 and 1; everything else is not negative. */
  unit: 'ms' | 'ratio' | 'factor' | 'count' | 'percent' | 'bytes' | 'bytes/s' | 'pages/s';
  words: string;
  /** Where the default comes from. */
  source: string;
}

const RUNBOOK_SYMPTOMS = 'runbook, Symptoms';
const REHEARSED = 'rehearsed faults: well above a healthy day, well below the fault';

/**
 * Every threshold of the diagnosis, in one table. A service may set its own; each is a start that its source explains.
 */
export const THRESHOLDS = {
  baselineP95Ms: {
    default: 200,
    unit: 'ms',
    words: 'Objective of the API: p95.',
    source: `${RUNBOOK_SYMPTOMS}: the 200 ms p95 baseline`,
  },
  criticalP95Ms: {
    default: 10_000,
    unit: 'ms',
    words: 'P1 from this p95 on.',
    source: 'runbook, Severity: P1 if latency exceeds 10 s',
  },
  criticalErrorRatio: {
    default: 0.05,
    unit: 'ratio',
    words: 'P1 from this share of 5xx on.',
    source: 'runbook, Severity: P1 if the error rate spikes above 5 %',
  },
  unhealthyErrorRatio: {
    default: 0.01,
    unit: 'ratio',
    words: 'Share of failed requests above which the API is not well, though far from P1.',
    source: 'a fifth of the P1 limit of the runbook',
  },
  causeShare: {
    default: 0.1,
    unit: 'ratio',
    words: 'Share of the request time that a busy resource must hold to be a cause.',
    source: 'a tenth: with less of it gone, nobody would notice',
  },
  longQueryMs: {
    default: 5_000,
    unit: 'ms',
    words: 'An active statement older than this is long.',
    source: 'runbook, step 2: active queries running longer than 5 seconds',
  },
  longQueryShare: {
    default: 0.2,
    unit: 'ratio',
    words: 'Share of the database activity that a long query must hold to be a cause.',
    source: 'a fifth of the activity is more than any one statement has on a healthy day',
  },
  lockWaitMs: {
    default: 1_000,
    unit: 'ms',
    words: 'A waiter counts once it has waited this long.',
    source: 'deadlock_timeout of PostgreSQL: shorter waits are ordinary contention',
  },
  preparedTransactionMs: {
    default: 60_000,
    unit: 'ms',
    words: 'A prepared transaction older than this is an orphan.',
    source: 'two-phase commit takes seconds (PostgreSQL docs, PREPARE TRANSACTION: not to be left for long)',
  },
  connectionsCriticalRatio: {
    default: 0.9,
    unit: 'ratio',
    words: 'Used share of the connection slots that counts as exhausted.',
    source: 'common alert rules: warn at 75 %, critical at 90 % of the usable slots',
  },
  connectionsClearRatio: {
    default: 0.75,
    unit: 'ratio',
    words: 'Below this used share exhaustion is ruled out.',
    source: 'common alert rules: warn at 75 %, critical at 90 % of the usable slots',
  },
  churnRatio: {
    default: 0.8,
    unit: 'ratio',
    words: 'New database sessions per request from which every request opens its own.',
    source: 'CONN_MAX_AGE = 0 of Django opens exactly one per request',
  },
  poolWaitMs: {
    default: 100,
    unit: 'ms',
    words: 'The longest wait for a pooled connection that counts.',
    source: 'half of the objective of the runbook',
  },
  statementShare: {
    default: 0.2,
    unit: 'ratio',
    words: 'Share of the execution time that a statement must have to be a cause.',
    source: 'as for a long query: a fifth',
  },
  scannedRows: {
    default: 10_000,
    unit: 'count',
    words: 'Rows that one execution reads and throws away from which an index is missed.',
    source: 'some 100 pages, milliseconds of CPU: above it an index scan is always cheaper',
  },
  indexGainRatio: {
    default: 0.5,
    unit: 'ratio',
    words: 'Part of the planned cost that a candidate index must save.',
    source: 'HypoPG estimates are rough: less than half is within their error',
  },
  callsPerRequest: {
    default: 10,
    unit: 'count',
    words: 'Executions of one lookup per request from which it is N+1.',
    source: 'a page of 50 rows gives 50; hand-written views stay below ten',
  },
  lookupMs: {
    default: 5,
    unit: 'ms',
    words: 'Mean of a lookup from which it is not only sent too often, but slow by itself.',
    source: 'a lookup by an indexed key takes well below 1 ms',
  },
  recentChangeMs: {
    default: 3_600_000,
    unit: 'ms',
    words: 'Statistics gathered within this time may have changed a plan.',
    source: 'an incident is looked at within the hour in which it began',
  },
  regressionFactor: {
    default: 5,
    unit: 'factor',
    words: 'Times its own usual mean from which a statement has regressed.',
    source: 'a changed plan costs orders of magnitude, a busy day two or three times',
  },
  staleRowsRatio: {
    default: 0.2,
    unit: 'ratio',
    words: 'Part of a table that is dead, or changed since its statistics, from which it counts.',
    source: 'autovacuum_vacuum_scale_factor = 0.2 of PostgreSQL',
  },
  spillBytesPerSecond: {
    default: 1_700_000,
    unit: 'bytes/s',
    words: 'Temporary files written from which sorts spill.',
    source: '100 MB a minute',
  },
  trafficFactor: {
    default: 1.5,
    unit: 'factor',
    words: 'Times the usual request rate from which traffic is a cause.',
    source: 'ordinary days differ by less',
  },
  ioPressurePercent: {
    default: 5,
    unit: 'percent',
    words: 'Time in which everything waits for the disk (PSI io full).',
    source: 'Linux docs, accounting/psi: full stalls are lost time',
  },
  diskAwaitMs: {
    default: 10,
    unit: 'ms',
    words: 'Average time of a disk request from which the disk is slow.',
    source: 'SSDs answer in less than 1 ms, disks in about 10',
  },
  ioWaitShare: {
    default: 0.3,
    unit: 'ratio',
    words: 'Share of the database activity that waits for I/O.',
    source: REHEARSED,
  },
  syncWaitShare: {
    default: 0.2,
    unit: 'ratio',
    words: 'Share of the database activity that waits for fsync, the WAL or a standby.',
    source: REHEARSED,
  },
  redisPingMs: {
    default: 10,
    unit: 'ms',
    words: 'p99 of PING from which Redis stalls.',
    source: 'redis.io, Diagnosing latency: below 1 ms on a healthy network; slowlog-log-slower-than = 10 ms',
  },
  redisCommandMs: {
    default: 10,
    unit: 'ms',
    words: 'Mean time of a command from which it blocks the others.',
    source: 'slowlog-log-slower-than of Redis: 10 ms',
  },
  redisMemoryRatio: {
    default: 0.95,
    unit: 'ratio',
    words: 'Used share of maxmemory from which Redis is full.',
    source: 'eviction starts at 100 %, single values need room before',
  },
  redisMissRatio: {
    default: 0.5,
    unit: 'ratio',
    words: 'Share of the reads that miss while Redis evicts, from which the cache is too small.',
    source: 'a cache that misses more often than it hits does not relieve the database',
  },
  redisForkMs: {
    default: 100,
    unit: 'ms',
    words: 'Duration of a fork from which it stalls Redis.',
    source: 'redis.io, Diagnosing latency: a fork blocks the server for its duration',
  },
  workerQueue: {
    default: 1,
    unit: 'count',
    words: 'Connections that wait to be accepted, on average, from which workers are too few.',
    source: 'the listen queue of a server with a free worker is empty',
  },
  spareCpuRatio: {
    default: 0.25,
    unit: 'ratio',
    words: 'Idle share of the CPU with which another Gunicorn worker is worth trying.',
    source: 'queueing: a new worker must not lift the utilisation to where waiting times explode',
  },
  spareWorkers: {
    default: 3,
    unit: 'count',
    words: 'Times the memory of a worker that must be available before another one is started.',
    source: 'room for the new worker, for the growth of the others and for the page cache',
  },
  cpuRatio: {
    default: 0.9,
    unit: 'ratio',
    words: 'Busy share of all cores from which the CPU is saturated.',
    source: 'queueing: waiting times explode above 90 % utilisation',
  },
  cpuPressurePercent: {
    default: 50,
    unit: 'percent',
    words: 'Time in which something waits for the CPU (PSI cpu some).',
    source: 'Linux docs, accounting/psi',
  },
  stealRatio: {
    default: 0.15,
    unit: 'ratio',
    words: 'CPU time that the hypervisor gave to others.',
    source: 'common alert rules: 10 to 20 %',
  },
  swapPagesPerSecond: {
    default: 100,
    unit: 'pages/s',
    words: 'Pages swapped in and out from which memory is short.',
    source: '400 kB/s: more than the trickle of idle pages',
  },
  memoryPressurePercent: {
    default: 1,
    unit: 'percent',
    words: 'Time in which everything waits for memory (PSI memory full).',
    source: 'Linux docs, accounting/psi: a system with enough memory never stalls as a whole',
  },
  diskFullRatio: {
    default: 0.95,
    unit: 'ratio',
    words: 'Used share of a filesystem, or of its inodes, from which it is full.',
    source: 'common alert rules; ext4 keeps 5 % for root',
  },
  diskFreeBytes: {
    default: 1_073_741_824,
    unit: 'bytes',
    words: 'Free space with which a filesystem is never called full, whatever part of it is used.',
    source: 'max_wal_size = 1 GB of PostgreSQL: what the write-ahead log may take at once',
  },
  celeryShare: {
    default: 0.4,
    unit: 'ratio',
    words: 'Share of the execution time of the database that Celery must have to be a cause.',
    source: REHEARSED,
  },
  backlogMessages: {
    default: 100,
    unit: 'count',
    words: 'Messages in a growing queue of Celery from which it is a backlog.',
    source: 'a minute of work for a worker at a second a task, with some room',
  },
  outsideShare: {
    default: 0.5,
    unit: 'ratio',
    words:
      'Share of the request time that is neither database nor CPU nor Redis, from which an outside call is slow.',
    source: 'the largest part is what has to be explained',
  },
  networkRttMs: {
    default: 20,
    unit: 'ms',
    words: 'Round trip to PostgreSQL and to Redis from which the network is slow.',
    source: 'below 1 ms within a data centre, 1 to 2 ms between zones',
  },
  retransmitRatio: {
    default: 0.01,
    unit: 'ratio',
    words: 'Part of the TCP segments sent again from which the network loses packets.',
    source: 'common alert rules: 1 %; a healthy network in a data centre is far below',
  },
} as const satisfies Record<string, Threshold>;

export type ThresholdName = keyof typeof THRESHOLDS;
export type ThresholdConfig = Record<ThresholdName, number>;

const UNITS: Record<Threshold['unit'], string> = {
  ms: 'milliseconds',
  ratio: 'parts of 1',
  factor: 'times',
  count: 'pieces',
  percent: 'percent',
  bytes: 'bytes',
  'bytes/s': 'bytes a second',
  'pages/s': 'pages a second',
};

const entries = Object.entries(THRESHOLDS) as [ThresholdName, Threshold][];
const shape = Object.fromEntries(entries.map(([name, threshold]) => [name, field(threshold)])) as Record<
  ThresholdName,
  z.ZodDefault<z.ZodNumber>
>;

function field({ default: fallback, unit, words, source }: Threshold): z.ZodDefault<z.ZodNumber> {
  const range = unit === 'ratio' ? z.number().min(0).max(1) : z.number().nonnegative();
  return range.default(fallback).describe(`${words} In ${UNITS[unit]}. Source: ${source}.`);
}

/** The thresholds of a service; what it does not set has its default. */
export const Thresholds = z.strictObject(shape).prefault({});
