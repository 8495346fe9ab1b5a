import {
  type Blocker,
  behindSchemaChange,
  blockedShare,
  blockerEvidence,
  blockersOf,
  lockWaitsSampled,
  sampledEvidence,
  tableOf,
} from '../blockers.ts';
import { type Case, type CauseRule, confidence, nobodySuffers, ruledOut } from '../cause-rule.ts';
import { offerSignal, proposalsOf, withheldOf } from '../proposals.ts';
import { count, duration, percent, sessionName } from '../words.ts';

const MAX_OFFERS = 3;

/** A session that holds locks inside a transaction and does nothing, while requests wait for them. */
export const lockIdleInTx: CauseRule = {
  id: 'lock-idle-in-tx',
  title: 'Idle transaction holds locks',
  explanation: {
    what: 'A session changed rows or tables inside a transaction and then stopped talking to PostgreSQL without ending it. Its locks stay, and every request that needs them waits.',
    signs:
      'The root of the lock tree is idle in transaction, and requests wait under it: one of them for longer than lockWaitMs, or so many in turn that somebody always waits. Ruled out when no request waits for a lock that an idle transaction holds.',
    act: [
      'Terminate the session; its work is rolled back and the locks are free at once.',
      'Find the code by its application name: something slow (HTTP, a queue, a person at a prompt) sits inside transaction.atomic().',
    ],
    avoid: [
      'Cancelling: an idle session has no query, so nothing happens.',
      'Terminating the waiters: they are the victims, and new ones come.',
      'More workers: each of them would wait for the same lock.',
    ],
    prevent: [
      'Set idle_in_transaction_session_timeout for the roles of the application.',
      'Keep slow Python or HTTP work out of transaction.atomic().',
    ],
  },
  needs: ['lock-tree'],
  explainedBy: [],

  judge(the) {
    const blockers = blockersOf(the, ['idle-in-transaction']);
    const [worst] = blockers;
    if (!worst) return notIdle(the);
    if (nobodySuffers(the)) {
      return ruledOut(
        `${sessionName(worst.session)} holds locks while idle in transaction, but the API does not suffer`,
        blockerEvidence(worst),
      );
    }
    const share = blockedShare(the, blockers);
    const offers = blockers
      .filter(({ root }) => root.drain > 0)
      .slice(0, MAX_OFFERS)
      .map(({ session }) => offerSignal('terminate-backend', session, the.facts));
    return {
      status: 'found',
      share,
      confidence: confidence(lockWaitsSampled(the) >= 0.5),
      summary: summaryOf(worst, share, blockers.length),
      evidence: blockers.slice(0, MAX_OFFERS).flatMap(blockerEvidence).concat(sampledEvidence(the)),
      against: worst.root.lasting
        ? []
        : [{ text: 'at the begin of the window nobody waited under it yet', data: { pid: worst.root.pid } }],
      mitigations: proposalsOf(offers),
      advice: [...withheldOf(offers), ...jamAdvice(blockers), ...ADVICE],
    };
  },
};

const ADVICE = [
  'Cancelling does nothing to an idle transaction: only ending its session frees the locks; its work is rolled back.',
  'Set idle_in_transaction_session_timeout for the role, and keep slow Python or HTTP work out of transaction.atomic().',
];

function notIdle({ facts }: Case) {
  const tree = facts.reports['lock-tree'];
  const waiting = tree?.waitingAtEnd ?? 0;
  const against = [{ text: `${waiting} lock waits at the end of the window`, data: { waiting } }];
  if (waiting === 0) return ruledOut('no session waits for a lock', against);
  const behind = tree ? behindSchemaChange(facts, tree).length : 0;
  const why =
    behind > 0
      ? `${count(behind, 'of them is a request', 'of them are requests')} behind a schema change that waits`
      : 'but no request for one that an idle transaction holds';
  return ruledOut(`${count(waiting, 'session waits', 'sessions wait')} for a lock, ${why}`, against);
}

function summaryOf({ root, session, victims }: Blocker, share: number | null, blockers: number): string {
  const since = session.stateAgeMs === null ? '' : ` for ${duration(session.stateAgeMs)}`;
  const table = tableOf(victims, root.held);
  const waiting = count(root.waiters.length, 'session waits', 'sessions wait');
  const others =
    blockers > 1 ? ` ${count(blockers - 1, 'other session does', 'other sessions do')} the same.` : '';
  const explained = share === null ? '.' : `: ${percent(share)} of request time.`;
  return `${sessionName(session)} has been idle in transaction${since} and ${waiting} for its locks${table ? ` on ${table}` : ''}${explained}${others}`;
}

function jamAdvice(blockers: readonly Blocker[]): string[] {
  return blockers.some(({ root }) => root.drain === 0)
    ? [
        'Ending one session alone frees nobody here: several hold the same lock, or a waiting schema change keeps the others out.',
      ]
    : [];
}
