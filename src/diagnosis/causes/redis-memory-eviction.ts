import type { RedisReport } from '../../probes/redis.ts';
import {
  apiComplains,
  type Case,
  type CauseRule,
  confidence,
  couldNotLook,
  nobodySuffers,
  ruledOut,
  shareOf,
} from '../cause-rule.ts';
import type { Evidence } from '../diagnosis.ts';
import { inFlightAt } from '../ledger.ts';
import { stallOf } from '../redis-stalls.ts';
import { bytes, count, percent } from '../words.ts';

/** Redis is at maxmemory: it refuses writes, or throws away what the cache still needs. */
export const redisMemoryEviction: CauseRule = {
  id: 'redis-memory-eviction',
  title: 'Redis out of memory',
  explanation: {
    what: 'Redis has reached maxmemory. With noeviction it refuses writes (OOM errors): idempotency keys, circuit breaker and new Celery tasks fail. With another policy it throws keys away, the cache misses, and the database gets the reads.',
    signs:
      'OOM errors in the window; or keys were evicted while at least redisMissRatio of the reads miss or PING stalls; or at least redisMemoryRatio of maxmemory is used with noeviction. Ruled out below, and for a cache that evicts a little and still hits.',
    act: [
      'Raise maxmemory, where the machine has the memory.',
      'Find the large keys and remove them with UNLINK.',
    ],
    avoid: [
      'FLUSHALL: the cold cache falls on the database, and the queues of Celery are gone.',
      'allkeys-* on the Redis of a Celery broker: it evicts tasks.',
    ],
    prevent: [
      'A TTL on every key of the cache, and an alert at 80 % of maxmemory.',
      'A Redis of its own for the broker, with noeviction.',
    ],
  },
  needs: ['redis'],
  explainedBy: [],

  judge(the) {
    const report = the.facts.reports.redis;
    if (!report?.memory || !report.change) {
      return couldNotLook(`the memory of Redis could not be seen: ${reasonOf(report)}`);
    }
    const reasons = pressureOf(the, report);
    const evidence = evidenceOf(report);
    if (reasons.length === 0) return ruledOut(quietWords(report), evidence);
    if (nobodySuffers(the)) return ruledOut(`Redis ${reasons[0]}, but the API does not suffer`, evidence);
    const inRedis = inFlightAt(the.ledger, 'redis');
    return {
      status: 'found',
      // What it costs in refused writes, and in reads of the database, cannot be told from requests that wait.
      share: inRedis > 0 ? shareOf(inRedis, the.ledger) : null,
      confidence: confidence(apiComplains(the)),
      summary: `Redis ${reasons.join(', and ')}.`,
      evidence,
      against: [],
      mitigations: [],
      advice: adviceFor(report),
      independent: true,
    };
  },
};

function reasonOf(report: RedisReport | undefined): string {
  return report?.notSeen.find(({ what }) => what.startsWith('INFO'))?.reason ?? 'INFO was not answered';
}

/** "refuses writes (OOM, 14 times in the window)" */
function pressureOf(the: Case, report: RedisReport): string[] {
  const { redisMemoryRatio, redisMissRatio } = the.facts.service.thresholds;
  const { memory, change } = report;
  const oom = change?.errors.OOM ?? 0;
  const evicted = change?.evictedKeys ?? 0;
  const missRatio = change?.missRatio ?? 0;
  const used = memory?.usedRatio ?? 0;
  const reasons: string[] = [];
  if (oom > 0)
    reasons.push(`is at maxmemory and refuses writes (OOM, ${count(oom, 'time', 'times')} in the window)`);
  if (evicted > 0 && (missRatio >= redisMissRatio || stallOf(the, report)?.stalls)) {
    reasons.push(
      `evicts ${count(evicted, 'key', 'keys')} in the window and ${percent(missRatio)} of the reads miss`,
    );
  }
  if (reasons.length === 0 && used >= redisMemoryRatio && memory?.policy === 'noeviction') {
    reasons.push(`has used ${percent(used)} of maxmemory and may evict nothing`);
  }
  return reasons;
}

function evidenceOf({ memory, change }: RedisReport): Evidence[] {
  const used =
    memory?.maxBytes == null
      ? 'no limit is set (maxmemory)'
      : `${bytes(memory.usedBytes ?? 0)} of ${bytes(memory.maxBytes)} are used (${memory.policy ?? 'policy unknown'})`;
  const missed = change?.missRatio == null ? '' : `, ${percent(change.missRatio)} of the reads missed`;
  return [
    { text: used, data: { ...memory } },
    {
      text: `${count(change?.evictedKeys ?? 0, 'key was', 'keys were')} evicted in the window${missed}`,
      data: { evictedKeys: change?.evictedKeys, missRatio: change?.missRatio, errors: change?.errors },
    },
  ];
}

function quietWords({ memory, change }: RedisReport): string {
  if (memory?.maxBytes == null) return 'Redis has no memory limit, and refused no write';
  const evicted = change?.evictedKeys ?? 0;
  const keys =
    evicted > 0 ? `evicts ${count(evicted, 'key', 'keys')} but the cache still hits` : 'evicts nothing';
  return `Redis uses ${percent(memory.usedRatio ?? 0)} of its memory and ${keys}`;
}

function adviceFor({ memory }: RedisReport): string[] {
  const more = memory?.maxBytes == null ? '<bytes>' : String(Math.round(memory.maxBytes * 1.5));
  return [
    `Where the machine has the memory: CONFIG SET maxmemory ${more}, and the same in redis.conf.`,
    'Large keys, without blocking: redis-cli --memkeys -i 0.1 on a replica; remove them with UNLINK.',
    ...(memory?.policy?.startsWith('allkeys')
      ? [
          'If Celery uses this Redis as its broker, tasks may have been evicted: give the broker a Redis with noeviction.',
        ]
      : []),
  ];
}
