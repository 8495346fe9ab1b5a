import type { TableHealthReport } from '../../probes/table-health.ts';
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
import { inFlightAt, lockWaitByRoot } from '../ledger.ts';
import { isIoWait, waitsOf } from '../waits.ts';
import { count, duration, percent } from '../words.ts';

type Vacuum = TableHealthReport['workers'][number];

/** An autovacuum that prevents wraparound reads a whole table, and no lock request makes it step aside. */
export const wraparoundVacuum: CauseRule = {
  id: 'wraparound-vacuum',
  title: 'Vacuum against wraparound',
  explanation: {
    what: 'Transaction ids are running out for a table, so autovacuum freezes all of it now. Unlike an ordinary autovacuum it does not step aside for a schema change, so the change waits, and everybody behind it; and it reads the whole table from the disk.',
    signs:
      'An autovacuum worker runs "to prevent wraparound", and requests wait behind it for a lock, or at least ioWaitShare of the busy sessions wait for I/O. Ruled out when none runs, or when nobody waits.',
    act: ['Cancel the schema change that queues behind it, and run it later.', 'Let the vacuum finish.'],
    avoid: [
      'Killing the vacuum: it starts again, and when the ids are used up PostgreSQL stops accepting writes.',
      'VACUUM FULL.',
    ],
    prevent: [
      'Scheduled VACUUM (FREEZE) of the large tables at quiet hours, before autovacuum_freeze_max_age.',
      'An alert on age(datfrozenxid), and no transactions or slots that stay open for days.',
    ],
  },
  needs: ['table-health', 'active-queries'],
  explainedBy: ['prepared-tx-orphan'],

  judge(the) {
    const health = the.facts.reports['table-health'];
    const io = waitsOf(the.facts, isIoWait);
    if (!health || !io) return couldNotLook('vacuums were not looked at');
    const vacuums = health.workers.filter(({ preventsWraparound, manual }) => preventsWraparound && !manual);
    const [vacuum] = vacuums;
    const { xidAge, freezeMaxAge } = health.wraparound;
    if (!vacuum) {
      return health.workersLeftOut > 0
        ? couldNotLook(`${count(health.workersLeftOut, 'vacuum is', 'vacuums are')} not listed`)
        : ruledOut(
            `no vacuum runs against wraparound (${percent(xidAge / freezeMaxAge)} of the way to the next)`,
            [
              {
                text: `the oldest transaction id is ${xidAge} transactions old`,
                data: { xidAge, freezeMaxAge },
              },
            ],
          );
    }
    return judgeVacuum(the, vacuum, vacuums, io.share);
  },
};

function judgeVacuum(the: Case, vacuum: Vacuum, vacuums: readonly Vacuum[], ioShare: number): Verdict {
  const { ioWaitShare, causeShare } = the.facts.service.thresholds;
  const byRoot = lockWaitByRoot(the.facts, the.ledger);
  const behind = vacuums.reduce((sum, { pid }) => sum + (byRoot.get(pid) ?? 0), 0);
  const waitsForDisk = ioShare >= ioWaitShare;
  const share = shareOf(behind + (waitsForDisk ? inFlightAt(the.ledger, 'db-io') : 0), the.ledger);
  const words = `A vacuum against wraparound of ${vacuum.table ?? 'a table of another database'} (pid ${vacuum.pid})${vacuum.ageMs === null ? '' : ` has been running for ${duration(vacuum.ageMs)}`}`;
  const evidence = [
    { text: words, data: { ...vacuum } },
    { text: `${percent(ioShare)} of the busy sessions wait for I/O`, data: { ioShare } },
  ];
  if (behind === 0 && (!waitsForDisk || (share ?? 0) < causeShare)) {
    return ruledOut(`${words}, but nobody waits for it`, evidence);
  }
  if (nobodySuffers(the)) return ruledOut(`${words}, but the API does not suffer`, evidence);
  const effect =
    behind > 0
      ? 'sessions wait behind its lock'
      : `${percent(ioShare)} of the busy sessions wait for the disk`;
  return {
    status: 'found',
    share,
    confidence: confidence(apiComplains(the)),
    summary: `${words}, and ${effect}.`,
    evidence,
    against: [],
    mitigations: [],
    advice: [
      'Do not kill it. Cancel the schema change that waits for it, and run that later with lock_timeout.',
      'When the disk is the trouble, slow it down: alter table <table> set (autovacuum_vacuum_cost_delay = 10); it applies to the next one, and on PostgreSQL 16 and later to this one after a reload of autovacuum_vacuum_cost_delay.',
    ],
  };
}
