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
  type Verdict,
} from '../cause-rule.ts';
import type { Evidence } from '../diagnosis.ts';
import { inFlightAt } from '../ledger.ts';
import {
  milliseconds,
  pausesOf,
  type SlowCommand,
  type Stall,
  slowCommandOf,
  stallOf,
} from '../redis-stalls.ts';
import { count, decimal, percent } from '../words.ts';

const MAX_CLIENTS = 3;

/** One command holds Redis, which runs one at a time, and every other caller waits behind it. */
export const redisSlowCommand: CauseRule = {
  id: 'redis-slow-command',
  title: 'Slow command blocks Redis',
  explanation: {
    what: 'Redis runs one command at a time. A command that walks over many keys or a large value, or a script, lets everybody wait until it is done: cache, circuit breaker and the broker of Celery.',
    signs:
      'The p99 of PING is at least redisPingMs, and a command takes redisCommandMs a call or entered the slow log in the window, or Redis is busy all the time with many commands. Ruled out while PING is quick, or when no command is slow (then it is a fork, the disk or the network).',
    act: ['Stop the caller; the report names its client.', 'A script that has written nothing: SCRIPT KILL.'],
    avoid: [
      'KEYS, MONITOR or --bigkeys to look for it: each blocks Redis as well.',
      'FLUSHALL: the cache is cold afterwards, and the queues of Celery are gone.',
      'Restarting Redis: it blocks until its data set is loaded.',
    ],
    prevent: [
      'SCAN instead of KEYS, UNLINK instead of DEL, HSCAN and SSCAN instead of reading large values whole.',
      'An ACL for the application without @dangerous.',
      'A Redis of its own for the broker of Celery.',
    ],
  },
  needs: ['redis'],
  explainedBy: ['memory-swap-oom', 'cpu-steal'],

  judge(the) {
    const report = the.facts.reports.redis;
    const stall = report && stallOf(the, report);
    if (!report || !stall) return couldNotLook('no PING was answered');
    if (!stall.stalls) return ruledOut(`Redis answers: ${stall.words}`, [stall.evidence]);
    const slow = slowCommandOf(the, report);
    const { cpuRatio } = the.facts.service.thresholds;
    const busy = report.change?.busyRatio ?? report.change?.mainThreadCpu ?? null;
    if (!slow && (busy ?? 0) < cpuRatio) return noCommand(report, stall);
    if (nobodySuffers(the)) {
      return ruledOut(`${stall.words}, but the API does not suffer`, [stall.evidence]);
    }
    const share = shareOf(inFlightAt(the.ledger, 'redis') * partOf(the, report, slow, stall), the.ledger);
    return {
      status: 'found',
      share,
      confidence: confidence(apiComplains(the)),
      summary: summaryOf(report, slow, stall, share),
      evidence: [stall.evidence, ...commandEvidence(report, slow), ...clientEvidence(report, slow)],
      against:
        slow?.source === 'slowlog'
          ? [{ text: 'it was seen in the slow log alone; how often it ran is not known', data: {} }]
          : [],
      mitigations: [],
      advice: slow ? adviceFor(slow) : BUSY_ADVICE,
    };
  },
};

function noCommand(report: RedisReport, stall: Stall): Verdict {
  if (report.change && report.slowlog) {
    return ruledOut(`${stall.words}, but no command is slow: a fork, its disk or the network is`, [
      stall.evidence,
    ]);
  }
  const reasons = report.notSeen.map(({ what, reason }) => `${what}: ${reason}`);
  return couldNotLook(
    `${stall.words}, but what Redis is busy with could not be seen (${reasons.join('; ') || 'no answer'})`,
  );
}

/** The part of the stalls that are this command's: forks in the same window have theirs. */
function partOf(the: Case, report: RedisReport, slow: SlowCommand | null, stall: Stall): number {
  const forks = pausesOf(the, report)?.forkRatio ?? 0;
  if (forks === 0) return 1;
  const own = slow?.busyRatio ?? Math.max(0, stall.slowRatio - forks);
  return own + forks > 0 ? own / (own + forks) : 0;
}

function summaryOf(
  { change }: RedisReport,
  slow: SlowCommand | null,
  { words }: Stall,
  share: number | null,
): string {
  const explains = share === null ? '' : `: ${percent(share)} of request time`;
  if (!slow) {
    const ops = change?.opsPerSecond ?? null;
    const many = ops === null ? '' : ` with ${decimal(ops)} commands a second`;
    return `Redis is busy all the time${many}; ${words}${explains}.`;
  }
  const times =
    slow.busyRatio === null ? '' : ` and had ${percent(Math.min(1, slow.busyRatio))} of Redis's time`;
  return `Redis stalls: ${name(slow)} takes ${milliseconds(slow.ms)}${times}, everybody else waits behind it${explains}.`;
}

const name = ({ command }: Pick<SlowCommand, 'command'>): string => command.toUpperCase().replace('|', ' ');

function commandEvidence({ change, slowlog }: RedisReport, slow: SlowCommand | null): Evidence[] {
  const seen = slow
    ? [
        {
          text: `${name(slow)} ran ${count(slow.calls, 'time', 'times')}, ${milliseconds(slow.ms)} ${slow.source === 'slowlog' ? 'at most' : 'each'} (${slow.source})`,
          data: { ...slow },
        },
      ]
    : (change?.commands ?? []).slice(0, 3).map((command) => ({
        text: `${name(command)}: ${decimal(command.callsPerSecond)} a second, ${percent(command.busyRatio)} of Redis's time`,
        data: { ...command },
      }));
  const fresh = slowlog?.newInWindow ?? 0;
  return fresh > 0
    ? [
        ...seen,
        {
          text: `${count(fresh, 'new entry', 'new entries')} in the slow log in the window`,
          data: { fresh },
        },
      ]
    : seen;
}

/** Who sends it: clients whose last command it is. */
function clientEvidence({ clientGroups }: RedisReport, slow: SlowCommand | null): Evidence[] {
  const callers = (clientGroups?.groups ?? []).filter(({ command }) => command === slow?.command);
  return callers.slice(0, MAX_CLIENTS).map((group) => ({
    text: `${count(group.count, 'client', 'clients')} sent it last: ${group.name || 'no name'} (user ${group.user || 'default'})`,
    data: { ...group },
  }));
}

/** What to use instead; a map, because the name of a command comes from outside. https://redis.io/docs/latest/commands/ */
const INSTEAD = new Map(
  Object.entries({
    keys: 'KEYS walks over every key: use SCAN with COUNT (django-redis: cache.iter_keys(), and cache.delete_pattern() with itersize).',
    smembers: 'SMEMBERS returns a whole set: use SSCAN, or keep sets small.',
    hgetall: 'HGETALL returns a whole hash: use HMGET for the fields that are read, or HSCAN.',
    lrange: 'LRANGE 0 -1 returns a whole list: read it in pieces, or LTRIM it.',
    zrange: 'ZRANGE over everything: read it in pieces with LIMIT.',
    sort: 'SORT sorts inside Redis: keep a sorted set instead.',
    del: 'DEL frees a large value while everybody waits: use UNLINK.',
    flushall: 'FLUSHALL frees everything at once: use ASYNC, and think of the queues of Celery.',
    flushdb: 'FLUSHDB frees everything at once: use ASYNC, and think of the queues of Celery.',
    save: 'SAVE blocks until the whole data set is on disk: use BGSAVE.',
    eval: 'A script runs as one command: SCRIPT KILL ends it if it has written nothing; make it loop less.',
    evalsha:
      'A script runs as one command: SCRIPT KILL ends it if it has written nothing; make it loop less.',
    fcall:
      'A function runs as one command: FUNCTION KILL ends it if it has written nothing; make it loop less.',
  }),
);

function adviceFor(slow: SlowCommand): string[] {
  const instead = INSTEAD.get(slow.command);
  return [
    ...(instead ? [instead] : [`Find who sends ${name(slow)}, and let it work in smaller pieces.`]),
    `Keep the application from it: ACL SETUSER <user> -${slow.command} (after the code is changed).`,
    'Who sends it: CLIENT LIST shows the last command of each client; CLIENT KILL ID <id> keeps it from the next one.',
  ];
}

const BUSY_ADVICE = [
  'One thread does all the work: send fewer commands (MGET and pipelines instead of single GETs), or split the keys over a second Redis.',
];
