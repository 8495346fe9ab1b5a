import type { LockNode, LockTreeReport } from '../../probes/lock-tree.ts';
import { lockWaitOf, longestWaitMs, sampledEvidence, tableOf, victimsOf } from '../blockers.ts';
import {
  apiComplains,
  type Case,
  type CauseRule,
  confidence,
  nobodySuffers,
  ruledOut,
  shareOf,
} from '../cause-rule.ts';
import type { Evidence } from '../diagnosis.ts';
import { withQueue } from '../ledger.ts';
import { count, duration, percent } from '../words.ts';

type Prepared = LockTreeReport['prepared'][number];

const MAX_SHOWN = 5;

/** A transaction that was prepared for two-phase commit and forgotten: it has no session, and keeps its locks. */
export const preparedTxOrphan: CauseRule = {
  id: 'prepared-tx-orphan',
  title: 'Forgotten prepared transaction',
  explanation: {
    what: 'A transaction was prepared for a two-phase commit, and whoever coordinated it never came back. It has no session any more, survives restarts, and keeps its locks until somebody commits it or rolls it back.',
    signs:
      'Requests wait for pid 0, and pg_prepared_xacts lists a transaction older than preparedTransactionMs. Ruled out when nobody waits for a prepared transaction.',
    act: [
      'Ask the owner of the coordinator whether the other half was committed.',
      "ROLLBACK PREPARED or COMMIT PREPARED, as its owner or a superuser, in the transaction's own database.",
    ],
    avoid: [
      'Restarting PostgreSQL: prepared transactions survive it.',
      'Terminating the waiters: they are the victims.',
    ],
    prevent: [
      'max_prepared_transactions = 0 where no transaction manager is used.',
      'An alert on the age of the oldest row of pg_prepared_xacts.',
    ],
  },
  needs: ['lock-tree'],
  explainedBy: [],

  judge(the) {
    const tree = the.facts.reports['lock-tree'];
    const victims = tree?.roots.some(({ pid }) => pid === 0) ? victimsOf(the.facts, tree, 0) : [];
    if (!tree || victims.length === 0) {
      const waiting = tree?.waitingAtEnd ?? 0;
      return ruledOut('no request waits for a prepared transaction', [
        { text: `${waiting} lock waits at the end of the window`, data: { waiting } },
      ]);
    }
    const { preparedTransactionMs } = the.facts.service.thresholds;
    const orphans = holdersOf(tree, victims).filter(({ ageMs }) => ageMs >= preparedTransactionMs);
    const [oldest] = orphans;
    const evidence = [...evidenceOf(orphans, victims), ...sampledEvidence(the)];
    if (!oldest) {
      return ruledOut(
        `requests wait for a prepared transaction, but none is older than ${duration(preparedTransactionMs)}: a two-phase commit is under way`,
        evidence,
      );
    }
    if (nobodySuffers(the)) {
      return ruledOut('a prepared transaction holds locks, but the API does not suffer', evidence);
    }
    const share = shareOf(withQueue(lockWaitOf(the, victims), the.ledger), the.ledger);
    return {
      status: 'found',
      share,
      confidence: confidence(apiComplains(the)),
      summary: summaryOf(oldest, victims, share),
      evidence,
      against:
        orphans.length > 1
          ? [
              {
                text: `which of ${orphans.length} prepared transactions holds the lock is not certain`,
                data: {},
              },
            ]
          : [],
      mitigations: [],
      advice: adviceFor(the, orphans),
    };
  },
};

/** Those that are waited for by their transaction id; all of them where the wait is for a table. */
function holdersOf(tree: LockTreeReport, victims: readonly LockNode[]): Prepared[] {
  const wanted = new Set(victims.flatMap(({ waitsForXid }) => waitsForXid ?? []));
  const exact = tree.prepared.filter(({ xid }) => wanted.has(xid));
  return (exact.length > 0 ? exact : [...tree.prepared]).sort((a, b) => b.ageMs - a.ageMs);
}

function summaryOf(
  { gid, role, ageMs }: Prepared,
  victims: readonly LockNode[],
  share: number | null,
): string {
  const table = tableOf(victims);
  const explained = share === null ? '' : `: ${percent(share)} of request time`;
  const waiting = count(victims.length, 'request waits', 'requests wait');
  return `The prepared transaction '${gid}' of ${role} was left behind ${duration(ageMs)} ago, and ${waiting} for its locks${table ? ` on ${table}` : ''}${explained}.`;
}

function evidenceOf(orphans: readonly Prepared[], victims: readonly LockNode[]): Evidence[] {
  return [
    {
      text: `${count(victims.length, 'request waits', 'requests wait')} for pid 0, a prepared transaction, the longest for ${duration(longestWaitMs(victims))}`,
      data: { waiters: victims.map(({ pid }) => pid), longestWaitMs: longestWaitMs(victims) },
    },
    ...orphans.slice(0, MAX_SHOWN).map((prepared) => ({
      text: `'${prepared.gid}' was prepared by ${prepared.role} ${duration(prepared.ageMs)} ago`,
      data: { ...prepared },
    })),
  ];
}

function adviceFor({ facts }: Case, orphans: readonly Prepared[]): string[] {
  const database = facts.reports['lock-tree']?.nodes[0]?.database ?? 'the database';
  return [
    ...orphans
      .slice(0, MAX_SHOWN)
      .map(
        ({ gid, role }) =>
          `When its other half was not committed, in the database ${database} as ${role} or a superuser: ROLLBACK PREPARED ${quoted(gid)};`,
      ),
    'When the other half was committed: COMMIT PREPARED instead. Only its coordinator knows.',
  ];
}

/** A literal as PostgreSQL reads it, whatever the identifier holds. */
function quoted(text: string): string {
  const escaped = text.replaceAll("'", "''");
  return escaped.includes('\\') ? `E'${escaped.replaceAll('\\', '\\\\')}'` : `'${escaped}'`;
}
