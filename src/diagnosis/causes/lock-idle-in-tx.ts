import type { LockNode, LockRoot } from '../../probes/lock-tree.ts';
import { type Case, type CauseRule, confidence, ruledOut, shareOf, type Verdict } from '../cause-rule.ts';
import type { Evidence } from '../diagnosis.ts';
import { lockWaitByRoot } from '../ledger.ts';
import { offerSignal, proposalsOf, withheldOf } from '../proposals.ts';
import { count, decimal, duration, percent, sessionName } from '../words.ts';

const MAX_OFFERS = 3;

interface Blocker {
  root: LockRoot;
  session: LockNode;
  /** Sessions of the application that wait under it. */
  victims: LockNode[];
}

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
    const tree = the.facts.reports['lock-tree'];
    const blockers = blockersOf(the);
    const [worst] = blockers;
    if (!worst) {
      const waiting = tree?.waitingAtEnd ?? 0;
      return ruledOut(
        waiting === 0
          ? 'no session waits for a lock'
          : `${count(waiting, 'session waits', 'sessions wait')} for a lock, but no request for one that an idle transaction holds`,
        [{ text: `${waiting} lock waits at the end of the window`, data: { waiting } }],
      );
    }
    const byRoot = lockWaitByRoot(the.facts, the.ledger);
    const inFlight = blockers.reduce((sum, { root }) => sum + (byRoot.get(root.pid) ?? 0), 0);
    const share = shareOf(inFlight, the.ledger);
    const offers = blockers
      .filter(({ root }) => root.drain > 0)
      .slice(0, MAX_OFFERS)
      .map(({ session }) => offerSignal('terminate-backend', session, the.facts));
    return {
      status: 'found',
      share,
      confidence: confidence(lockWaitsSampled(the) >= 0.5),
      summary: summaryOf(worst, share, blockers.length),
      evidence: blockers.slice(0, MAX_OFFERS).flatMap(evidenceOf).concat(sampledEvidence(the)),
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

/**
 * Idle roots that requests wait for: one of them long enough, or so many in turn that at any moment of the window
 * somebody waited. The application's own time-out may end each single wait before the threshold.
 */
function blockersOf({ facts, ledger }: Case): Blocker[] {
  const tree = facts.reports['lock-tree'];
  const { lockWaitMs } = facts.service.thresholds;
  const byRoot = lockWaitByRoot(facts, ledger);
  const nodes = new Map(tree?.nodes.map((node) => [node.pid, node]));
  return (tree?.roots ?? [])
    .filter((root) => root.class === 'idle-in-transaction')
    .flatMap((root) => {
      const session = nodes.get(root.pid);
      const victims = root.waiters
        .flatMap((pid) => nodes.get(pid) ?? [])
        .filter((node) => facts.isApplication(node.role));
      const longEnough = victims.some((node) => (node.waitMs ?? 0) >= lockWaitMs);
      const allTheTime = (session?.stateAgeMs ?? 0) >= lockWaitMs && (byRoot.get(root.pid) ?? 0) >= 1;
      return session && victims.length > 0 && (longEnough || allTheTime) ? [{ root, session, victims }] : [];
    })
    .sort((a, b) => b.victims.length - a.victims.length || a.root.pid - b.root.pid);
}

function summaryOf({ root, session, victims }: Blocker, share: number | null, blockers: number): string {
  const since = session.stateAgeMs === null ? '' : ` for ${duration(session.stateAgeMs)}`;
  const table = tableOf(root, victims);
  const waiting = count(root.waiters.length, 'session waits', 'sessions wait');
  const others =
    blockers > 1 ? ` ${count(blockers - 1, 'other session does', 'other sessions do')} the same.` : '';
  const explained = share === null ? '.' : `: ${percent(share)} of request time.`;
  return `${sessionName(session)} has been idle in transaction${since} and ${waiting} for its locks${table ? ` on ${table}` : ''}${explained}${others}`;
}

/** The table that is waited for; a waiter on a row does not always know it, the holder does. */
function tableOf(root: LockRoot, victims: readonly LockNode[]): string | null {
  const wanted = victims.flatMap((victim) => victim.relation ?? []);
  const [most] = [...new Set(wanted)].sort(
    (a, b) => wanted.filter((name) => name === b).length - wanted.filter((name) => name === a).length,
  );
  return most ?? root.held.find(({ mode }) => mode !== 'AccessShareLock')?.relation ?? null;
}

function evidenceOf({ root, session, victims }: Blocker): Evidence[] {
  const longestMs = Math.max(0, ...victims.map((victim) => victim.waitMs ?? 0));
  const evidence: Evidence[] = [
    {
      text: `${count(root.waiters.length, 'session waits', 'sessions wait')} under ${sessionName(session)}, the longest for ${duration(longestMs)}`,
      data: { pid: root.pid, waiters: root.waiters, longestWaitMs: longestMs, drain: root.drain },
    },
  ];
  if (session.xactAgeMs !== null) {
    evidence.push({
      text: `its transaction has been open for ${duration(session.xactAgeMs)}; its last statement was: ${session.query.text}`,
      data: {
        pid: root.pid,
        xactAgeMs: session.xactAgeMs,
        stateAgeMs: session.stateAgeMs,
        query: session.query,
      },
    });
  }
  const held = root.held.map(({ relation, mode }) => `${relation} (${mode})`);
  if (held.length > 0) {
    evidence.push({ text: `it holds locks on ${held.slice(0, 5).join(', ')}`, data: { held: root.held } });
  }
  return evidence;
}

function lockWaitsSampled({ facts }: Case): number {
  const rows = facts.reports['active-queries']?.activity ?? [];
  return rows.filter(({ waitType }) => waitType === 'Lock').reduce((sum, row) => sum + row.averageActive, 0);
}

function sampledEvidence(the: Case): Verdict['evidence'] {
  const active = the.facts.reports['active-queries'];
  if (!active || active.totalActive === 0) return [];
  const waiting = lockWaitsSampled(the);
  return [
    {
      text: `on average ${decimal(waiting)} of ${decimal(active.totalActive)} busy sessions waited for a lock (${active.samples} samples)`,
      data: { lockWaiting: waiting, totalActive: active.totalActive, samples: active.samples },
    },
  ];
}

function jamAdvice(blockers: readonly Blocker[]): string[] {
  return blockers.some(({ root }) => root.drain === 0)
    ? [
        'Ending one session alone frees nobody here: several hold the same lock, or a waiting schema change keeps the others out.',
      ]
    : [];
}
