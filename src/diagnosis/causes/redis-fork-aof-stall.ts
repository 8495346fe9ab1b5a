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
import { pausesOf, slowCommandOf, stallOf } from '../redis-stalls.ts';
import { count, duration } from '../words.ts';

/** Redis stands still while it forks to save itself, or while its log waits for the disk. */
export const redisForkAofStall: CauseRule = {
  id: 'redis-fork-aof-stall',
  title: 'Redis persistence stalls it',
  explanation: {
    what: 'To save itself Redis forks, and stands still until the page tables are copied; or its append-only file waits for a slow disk, and writes wait with it.',
    signs:
      'PING stalls (redisPingMs), and in the same window Redis forked for redisForkMs or longer, or its fsync was delayed. Ruled out while PING is quick, or when there was neither a slow fork nor a delayed fsync.',
    act: [
      'Let the save finish; look at what else uses the disk.',
      'Move persistence to a replica, after asking the owner.',
    ],
    avoid: [
      'BGSAVE or BGREWRITEAOF: each forks again.',
      'Turning persistence off without its owner: a crash then loses the data.',
    ],
    prevent: [
      'Transparent huge pages off on the machine of Redis.',
      'appendfsync everysec with no-appendfsync-on-rewrite yes, and a disk of its own.',
      'Saves on a replica, or at quiet hours.',
    ],
  },
  needs: ['redis'],
  explainedBy: ['io-saturation', 'memory-swap-oom', 'cpu-steal'],

  judge(the) {
    const report = the.facts.reports.redis;
    const stall = report && stallOf(the, report);
    if (!report || !stall) return couldNotLook('no PING was answered');
    if (!stall.stalls) return ruledOut(`Redis answers: ${stall.words}`, [stall.evidence]);
    const pauses = pausesOf(the, report);
    if (!pauses)
      return couldNotLook(`${stall.words}, but whether Redis forked could not be seen: ${reasonOf(report)}`);
    const reasons = [
      ...(pauses.slowForks > 0
        ? [`forked ${count(pauses.slowForks, 'time', 'times')}, the last for ${duration(pauses.forkMs)}`]
        : []),
      ...(pauses.delayedFsyncs > 0
        ? [`waited ${count(pauses.delayedFsyncs, 'time', 'times')} for the disk of its append-only file`]
        : []),
    ];
    const data = { ...pauses, persistence: report.persistence };
    if (reasons.length === 0) {
      return ruledOut(`${stall.words}, but Redis neither forked for long nor waited for its disk`, [
        stall.evidence,
        { text: 'no slow fork, no delayed fsync', data },
      ]);
    }
    const words = `Redis ${reasons.join(' and ')} in the window`;
    if (nobodySuffers(the)) return ruledOut(`${words}, but the API does not suffer`, [stall.evidence]);
    return {
      status: 'found',
      share: shareOf(inFlightAt(the.ledger, 'redis') * partOf(the, report), the.ledger),
      confidence: confidence(apiComplains(the)),
      summary: `${words}: ${stall.words}.`,
      evidence: [stall.evidence, { text: words, data }, ...eventEvidence(report)],
      against: [],
      mitigations: [],
      advice: ADVICE,
    };
  },
};

function reasonOf(report: RedisReport): string {
  return (
    report.notSeen.find(({ what }) => what.startsWith('INFO') || what.startsWith('the change'))?.reason ??
    'INFO was not answered'
  );
}

/** The part of the stalls that no slow command explains. */
function partOf(the: Case, report: RedisReport): number {
  const slow = slowCommandOf(the, report);
  const forks = pausesOf(the, report)?.forkRatio ?? 0;
  if (!slow) return 1;
  const commands = slow.busyRatio ?? 0;
  return forks + commands > 0 ? forks / (forks + commands) : 0;
}

/** Redis's own latency monitor, where it is on. */
function eventEvidence({ latencyEvents, change }: RedisReport): Evidence[] {
  const windowMs = change?.windowMs ?? 0;
  return (latencyEvents ?? [])
    .filter(({ event, ageMs }) => /^(fork|aof-)/.test(event) && ageMs !== null && ageMs <= windowMs + 1_000)
    .map((event) => ({
      text: `its latency monitor says: ${event.event} took ${duration(event.latestMs)}`,
      data: { ...event },
    }));
}

const ADVICE = [
  'Transparent huge pages make forks slow: cat /sys/kernel/mm/transparent_hugepage/enabled should say [madvise] or [never].',
  'When the disk is slow: CONFIG SET no-appendfsync-on-rewrite yes; a crash may then lose what was written during a rewrite, so a person decides.',
];
