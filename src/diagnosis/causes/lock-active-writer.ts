import {
  type Blocker,
  blockedInFlight,
  blockerEvidence,
  blockersOf,
  lockWaitsSampled,
  longestWaitMs,
  sampledEvidence,
  tableOf,
} from '../blockers.ts';
import { type Case, type CauseRule, confidence, nobodySuffers, ruledOut, shareOf } from '../cause-rule.ts';
import { isNamedCelery } from '../celery-work.ts';
import { withQueue } from '../ledger.ts';
import { offerSignal, proposalsOf, withheldOf } from '../proposals.ts';
import { count, duration, percent, sessionName } from '../words.ts';

const MAX_OFFERS = 3;

/** A session that is busy inside a transaction, while requests wait for the locks it already holds. */
export const lockActiveWriter: CauseRule = {
  id: 'lock-active-writer',
  title: 'Busy transaction holds locks',
  explanation: {
    what: 'A session changed rows or tables and goes on working in the same transaction: a batch, a task of Celery, a migration that has its lock. Its locks stay until it commits, and every request that needs them waits.',
    signs:
      'The root of the lock tree is active and waits for nobody, and requests wait under it: one of them for longer than lockWaitMs, or so many in turn that somebody always waits. Ruled out when no request waits for a lock that a busy session holds.',
    act: [
      'Cancel its statement; its transaction is rolled back and the locks are free.',
      'When it is a task or a script, stop what starts it first, or it comes back.',
    ],
    avoid: [
      'Terminating the waiters: they are the victims, and new ones come.',
      'More workers: each of them would wait for the same lock.',
      'Cancelling what is nearly done: the rollback or the next try may take as long.',
    ],
    prevent: [
      'Small batches, each with a commit of its own, in one order of the keys.',
      'SELECT … FOR UPDATE SKIP LOCKED for work that may be left for later.',
      'lock_timeout for the role of the API, so that a request fails early and frees its worker.',
    ],
  },
  needs: ['lock-tree'],
  explainedBy: [],

  judge(the) {
    const busy = blockersOf(the, ['active', 'running-ddl']);
    // Where tasks of Celery hold the rows one after the other, ending one of them does not help.
    const blockers = busy.filter((blocker) => !heldInTurnByCelery(the, blocker));
    const [worst] = blockers;
    if (!worst) return notBusy(the, busy);
    if (nobodySuffers(the)) {
      return ruledOut(
        `${sessionName(worst.session)} is busy and holds locks, but the API does not suffer`,
        blockerEvidence(worst),
      );
    }
    const share = shareOf(withQueue(blockedInFlight(the, blockers), the.ledger), the.ledger);
    const offers = blockers
      .filter((blocker) => blocker.root.drain > 0 && isOneLongTransaction(the, blocker))
      .slice(0, MAX_OFFERS)
      .map(({ session }) => offerSignal('cancel-query', session, the.facts));
    return {
      status: 'found',
      share,
      confidence: confidence(lockWaitsSampled(the) >= 0.5),
      summary: summaryOf(the, worst, share, blockers.length),
      evidence: blockers.slice(0, MAX_OFFERS).flatMap(blockerEvidence).concat(sampledEvidence(the)),
      against: worst.root.lasting
        ? []
        : [{ text: 'at the begin of the window nobody waited under it yet', data: { pid: worst.root.pid } }],
      mitigations: proposalsOf(offers),
      advice: [...withheldOf(offers), ...adviceFor(the, worst)],
    };
  },
};

/** Whether Celery's transactions hold the locks one after the other: then the tasks are the cause, not one session. */
export function heldInTurnByCelery({ facts }: Case, { root, session, victims }: Blocker): boolean {
  if (!isNamedCelery(session)) return false;
  const xactAgeMs = session.xactAgeMs ?? Number.POSITIVE_INFINITY;
  // Who waits for longer than the holder's transaction is old has waited for its predecessors, too. And a task that is
  // not long yet is mostly a batch: the next one follows when it is cancelled.
  return (
    !root.lasting || longestWaitMs(victims) > xactAgeMs || xactAgeMs < facts.service.thresholds.longQueryMs
  );
}

/** A holder that is young itself is only the present one of many; ending it frees nobody for long. */
function isOneLongTransaction({ facts }: Case, { session }: Blocker): boolean {
  return (session.xactAgeMs ?? 0) >= facts.service.thresholds.lockWaitMs;
}

function notBusy({ facts }: Case, inTurn: readonly Blocker[]) {
  const [task] = inTurn;
  if (task) {
    return ruledOut(
      `no one session holds the locks: tasks of Celery do in turn, now ${sessionName(task.session)}`,
      blockerEvidence(task),
    );
  }
  const waiting = facts.reports['lock-tree']?.waitingAtEnd ?? 0;
  return ruledOut(
    waiting === 0
      ? 'no session waits for a lock'
      : `${count(waiting, 'session waits', 'sessions wait')} for a lock, but no request for one that a busy session holds`,
    [{ text: `${waiting} lock waits at the end of the window`, data: { waiting } }],
  );
}

function summaryOf(the: Case, blocker: Blocker, share: number | null, blockers: number): string {
  const { root, session, victims } = blocker;
  const table = tableOf(victims, root.held);
  const on = table ? ` on ${table}` : '';
  const explained = share === null ? '.' : `: ${percent(share)} of request time.`;
  const waiting = count(root.waiters.length, 'session waits', 'sessions wait');
  if (!isOneLongTransaction(the, blocker)) {
    return `Short transactions queue for the same rows${on}: ${waiting}, the longest for ${duration(longestWaitMs(victims))}, at the moment behind ${sessionName(session)}${explained}`;
  }
  const others =
    blockers > 1 ? ` ${count(blockers - 1, 'other session does', 'other sessions do')} the same.` : '';
  const doing = root.class === 'running-ddl' ? 'changes a table' : 'is busy in a transaction';
  return `${sessionName(session)} ${doing} since ${duration(session.xactAgeMs ?? 0)} and ${waiting} for its locks${on}${explained}${others}`;
}

function adviceFor(the: Case, blocker: Blocker): string[] {
  const { root, session, victims } = blocker;
  const table = tableOf(victims, root.held);
  if (root.class === 'running-ddl') {
    return [
      'See how far it is before cancelling: select * from pg_stat_progress_create_index; or pg_stat_progress_cluster; or pg_stat_progress_vacuum;',
      "Later, run it with set lock_timeout = '3s' and, for an index, concurrently.",
    ];
  }
  if (!isOneLongTransaction(the, blocker)) {
    return [
      `Many transactions change the same rows${table ? ` of ${table}` : ''}: take the row lock last, right before the commit, and keep everything slow outside of transaction.atomic().`,
      'Where a request may do without: select_for_update(nowait=True) or select_for_update(skip_locked=True).',
    ];
  }
  return [
    'Cancelling sends its client error 57014 and rolls the whole transaction back; watch whether it starts again.',
    ...(isNamedCelery(session)
      ? [
          'A task of Celery is tried again: celery control revoke <id>, or rate_limit <task> 1/m, before it is cancelled.',
        ]
      : []),
    'Split the work: a few hundred rows a transaction, in the order of the primary key, with a commit after each.',
  ];
}
