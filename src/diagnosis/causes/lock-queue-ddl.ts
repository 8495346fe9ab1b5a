import type { LockNode, LockTreeReport } from '../../probes/lock-tree.ts';
import {
  behindSchemaChange,
  lockWaitOf,
  lockWaitsSampled,
  longestWaitMs,
  sampledEvidence,
} from '../blockers.ts';
import { type CauseRule, confidence, nobodySuffers, ruledOut, shareOf } from '../cause-rule.ts';
import type { Evidence } from '../diagnosis.ts';
import { withQueue } from '../ledger.ts';
import { offerSignal, proposalsOf, withheldOf } from '../proposals.ts';
import { count, duration, percent, sessionName } from '../words.ts';

const MAX_OFFERS = 3;
const MAX_HOLDERS = 3;

interface Jam {
  head: LockNode;
  /** Sessions that get on when the head gives up. */
  drain: number;
}

/** A schema change waits for its lock, and everybody else waits behind it in the queue of the table. */
export const lockQueueDdl: CauseRule = {
  id: 'lock-queue-ddl',
  title: 'Schema change blocks a table',
  explanation: {
    what: 'A migration (ALTER TABLE, CREATE INDEX without CONCURRENTLY, LOCK TABLE) asks for a strong lock and has to wait for somebody. Lock queues are fair: whoever comes after it waits behind it, even plain SELECTs that would not disturb each other.',
    signs:
      'A session that waits for a lock on a table stronger than RowExclusiveLock has requests behind it that would go on without it. Ruled out when no schema change waits with requests behind it.',
    act: [
      'Cancel the waiting schema change; everybody behind it gets on at once, and nothing of it has happened yet.',
      'End the transaction it waited for before trying again.',
    ],
    avoid: [
      'Terminating the readers: they are innocent, and the next ones queue as well.',
      'Letting the deploy try again without lock_timeout.',
    ],
    prevent: [
      "set lock_timeout = '3s' in migrations, with retries.",
      'CREATE INDEX CONCURRENTLY (AddIndexConcurrently in Django, atomic = False).',
      'idle_in_transaction_session_timeout, so that nobody holds a table for long.',
    ],
  },
  needs: ['lock-tree'],
  // A vacuum against wraparound does not give way: then it is what the schema change and all others wait for.
  explainedBy: ['wraparound-vacuum'],

  judge(the) {
    const tree = the.facts.reports['lock-tree'];
    const { lockWaitMs } = the.facts.service.thresholds;
    const jams = tree ? jamsOf(tree) : [];
    const behind = tree ? behindSchemaChange(the.facts, tree) : [];
    const [worst] = jams;
    if (!tree || !worst || behind.length === 0) return notJammed(tree, jams);
    const inFlight = lockWaitOf(the, behind);
    const longest = longestWaitMs(behind);
    const evidence = [...evidenceOf(tree, worst, behind), ...sampledEvidence(the)];
    if (longest < lockWaitMs && ((worst.head.waitMs ?? 0) < lockWaitMs || inFlight < 1)) {
      return ruledOut(
        `a schema change waits, but requests behind it for ${duration(longest)} only`,
        evidence,
      );
    }
    if (nobodySuffers(the)) {
      return ruledOut('a schema change waits for its lock, but the API does not suffer', evidence);
    }
    const share = shareOf(withQueue(inFlight, the.ledger), the.ledger);
    const offers = jams.slice(0, MAX_OFFERS).map(({ head }) => offerSignal('cancel-query', head, the.facts));
    return {
      status: 'found',
      share,
      confidence: confidence(lockWaitsSampled(the) >= 0.5),
      summary: summaryOf(worst, behind, share),
      evidence,
      against: [],
      mitigations: proposalsOf(offers),
      advice: [...withheldOf(offers), ...adviceFor(tree, worst)],
    };
  },
};

/** Heads of a jam, those that free the most first. */
function jamsOf(tree: LockTreeReport): Jam[] {
  return tree.queueHeads
    .flatMap(({ pid, drain }) => {
      const head = tree.nodes.find((node) => node.pid === pid);
      return head && drain > 0 ? [{ head, drain }] : [];
    })
    .sort(
      (a, b) => b.drain - a.drain || (b.head.waitMs ?? 0) - (a.head.waitMs ?? 0) || a.head.pid - b.head.pid,
    );
}

function notJammed(tree: LockTreeReport | undefined, jams: readonly Jam[]) {
  const waiting = tree?.waitingAtEnd ?? 0;
  return ruledOut(
    jams.length > 0
      ? `${count(jams.length, 'schema change waits', 'schema changes wait')} for a lock, but no request behind it`
      : 'no schema change waits for a lock with others behind it',
    [{ text: `${waiting} lock waits at the end of the window`, data: { waiting, heads: jams.length } }],
  );
}

/** Those that the schema change itself waits for. */
function holdersOf(tree: LockTreeReport, { head }: Jam): LockNode[] {
  return tree.nodes.filter((node) => head.blockedBy.includes(node.pid)).slice(0, MAX_HOLDERS);
}

function summaryOf({ head, drain }: Jam, behind: readonly LockNode[], share: number | null): string {
  const on = head.relation ? ` on ${head.relation}` : '';
  const explained = share === null ? '' : `: ${percent(share)} of request time`;
  const since = head.waitMs === null ? '' : ` for ${duration(head.waitMs)}`;
  return `A schema change, ${sessionName(head)}, has been waiting${since} for its lock${on}, and ${count(Math.max(drain, behind.length), 'session waits', 'sessions wait')} behind it${explained}.`;
}

function evidenceOf(tree: LockTreeReport, jam: Jam, behind: readonly LockNode[]): Evidence[] {
  const { head, drain } = jam;
  return [
    {
      text: `${sessionName(head)} wants ${head.mode}${head.relation ? ` on ${head.relation}` : ''}: ${head.query.text}`,
      data: {
        pid: head.pid,
        mode: head.mode,
        relation: head.relation,
        waitMs: head.waitMs,
        query: head.query,
      },
    },
    {
      text: `${count(behind.length, 'request waits', 'requests wait')} behind it, the longest for ${duration(longestWaitMs(behind))}; ${drain} would get on without it`,
      data: { waiters: behind.map(({ pid }) => pid), drain },
    },
    ...holdersOf(tree, jam).map((holder) => ({
      text: `it waits for ${sessionName(holder)}, ${holder.state ?? 'in an unknown state'}${holder.xactAgeMs === null ? '' : `, with a transaction open for ${duration(holder.xactAgeMs)}`}`,
      data: { pid: holder.pid, state: holder.state, xactAgeMs: holder.xactAgeMs, query: holder.query },
    })),
  ];
}

function adviceFor(tree: LockTreeReport, jam: Jam): string[] {
  const [holder] = holdersOf(tree, jam).filter((node) => node.blockedBy.length === 0);
  const { head } = jam;
  return [
    'Cancel the schema change, never the sessions behind it: it has changed nothing yet.',
    ...(holder
      ? [
          `Before it is tried again, let ${sessionName(holder)} end its transaction: it is what the change waits for.`,
        ]
      : []),
    `Try again so: begin; set local lock_timeout = '3s'; ${head.query.text}; commit; (and again until it gets its lock).`,
  ];
}
