import type { ActiveQueriesReport } from '../../probes/active-queries.ts';
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
import { indexMisses } from '../index-misses.ts';
import { inFlightAt, lockWaitByRoot, withQueue } from '../ledger.ts';
import { neglectedTables } from '../neglected-tables.ts';
import { offerBrake } from '../offers/offer-brake.ts';
import { offerSignal, proposalsOf, withheldOf } from '../proposals.ts';
import { statementLoads } from '../statements.ts';
import { count, decimal, duration, percent, sessionName } from '../words.ts';

const MAX_OFFERS = 3;
/** A statement that has half of the database through the whole window need not be old yet. */
const DOMINANT_SHARE = 0.5;

type ActiveSession = ActiveQueriesReport['sessions'][number];

/** Long-running sessions of one statement; many copies of a slow query are one cause. */
interface Group {
  sessions: ActiveSession[];
  averageActive: number;
  /** Sessions that wait for their locks. */
  blocked: number;
}

/** A statement that runs for long and takes a good part of the database, or blocks others. */
export const longRunningQuery: CauseRule = {
  id: 'long-running-query',
  title: 'Long-running query',
  explanation: {
    what: 'One statement, often a report or an export, has been running for long and takes CPU, I/O or locks that the requests need.',
    signs:
      'An active session older than longQueryMs that waits for nobody has at least longQueryShare of the database activity, or others wait for its locks, while the API is slow. Ruled out for a victim of a lock, for VACUUM and ANALYZE, and when the API does not suffer.',
    act: [
      'Cancel the query; the session stays, its transaction is rolled back.',
      'Ask its owner before it starts again.',
    ],
    avoid: [
      'Terminating first: cancelling is enough for a running query.',
      'Killing backups, replication or vacuum.',
    ],
    prevent: [
      'Send analytics to a read replica with a database router.',
      'Set statement_timeout for the role that runs reports.',
      'Alert on statements with a mean above 100 ms from pg_stat_statements.',
    ],
  },
  needs: ['active-queries'],
  explainedBy: ['missing-index', 'stale-stats-bloat', 'sort-spill', 'lock-active-writer'],

  judge(the) {
    const { facts } = the;
    const report = facts.reports['active-queries'];
    const groups = groupsOf(the);
    const totalActive = report?.totalActive ?? 0;
    const guilty = groups.filter(
      (group) =>
        group.blocked > 0 ||
        (totalActive > 0 && group.averageActive / totalActive >= facts.service.thresholds.longQueryShare),
    );
    const [worst] = guilty;
    if (!worst) return notLong(the, groups);
    const [oldest] = worst.sessions;
    if (!oldest || nobodySuffers(the)) {
      return ruledOut(
        'a statement runs for long, but the API does not suffer from it',
        evidenceOf(worst, totalActive),
      );
    }
    const inFlight = guilty.reduce((sum, group) => sum + explained(group, the), 0);
    const share = shareOf(withQueue(inFlight, the.ledger), the.ledger);
    const sessions = guilty.flatMap((group) => group.sessions);
    const cancels = sessions
      .slice(0, MAX_OFFERS)
      .map((session) => offerSignal('cancel-query', session, facts));
    const offers = [...cancels, ...offerBrake(sessions, facts)];
    return {
      status: 'found',
      share,
      // The age and the share come from one probe; a slow API, as its own metrics tell, is the second source.
      confidence: confidence(apiComplains(the)),
      summary: summaryOf(oldest, worst, totalActive, share),
      evidence: guilty.slice(0, 3).flatMap((group) => evidenceOf(group, totalActive)),
      against: [],
      independent: !hasReason(the, worst),
      mitigations: proposalsOf(offers),
      advice: [...withheldOf(offers), ...ADVICE],
    };
  },
};

const ADVICE = [
  'Cancelling sends the client error 57014 and rolls its transaction back; watch whether the application tries again.',
  'A statement_timeout for the role keeps the next one short until the query has its index or its plan.',
];

/** Whether another cause may say why it takes so long, or what it does to the others: that is then the root. */
function hasReason(the: Case, { sessions, blocked }: Group): boolean {
  const pids = new Set(sessions.map(({ pid }) => pid));
  const loads = [...indexMisses(the), ...neglectedTables(the)].map(({ load }) => load);
  const spills = statementLoads(the).filter(
    ({ finished, plan }) =>
      finished.some(({ tempBlksWritten }) => tempBlksWritten > 0) ||
      plan?.problems.some(({ rule }) => rule === 'sort-spill'),
  );
  return blocked > 0 || [...loads, ...spills].some(({ running }) => running.some(({ pid }) => pids.has(pid)));
}

function notLong({ facts }: Case, groups: readonly Group[]) {
  const report = facts.reports['active-queries'];
  const { longQueryMs, longQueryShare } = facts.service.thresholds;
  if (groups.length > 0) {
    return ruledOut(
      `no statement older than ${duration(longQueryMs)} holds ${percent(longQueryShare)} of the database activity`,
      groups.slice(0, 2).flatMap((group) => evidenceOf(group, report?.totalActive ?? 0)),
    );
  }
  return ruledOut(`no statement has been running for ${duration(longQueryMs)} or more`, [
    {
      text: `${decimal(report?.totalActive ?? 0)} sessions busy on average, none of them for long except in lock waits`,
      data: { totalActive: report?.totalActive ?? 0, samples: report?.samples ?? 0 },
    },
  ]);
}

/** Killing a vacuum makes the next one longer; what it takes away shows as I/O, and its locks as locks. */
const MAINTENANCE = /^\s*(?:vacuum|analyze)\b/i;

/** Victims of a lock look long-running too; they wait, so they are left out. */
function groupsOf({ facts }: Case): Group[] {
  const { longQueryMs } = facts.service.thresholds;
  const roots = facts.reports['lock-tree']?.roots ?? [];
  const waiters = new Set(
    facts.reports['lock-tree']?.nodes.flatMap((n) => (n.blockedBy.length > 0 ? [n.pid] : [])),
  );
  const long = (facts.reports['active-queries']?.sessions ?? []).filter(
    (session) =>
      session.backendType === 'client backend' &&
      !session.replication &&
      session.state === 'active' &&
      session.waitEventType !== 'Lock' &&
      // A download over a slow line waits for its client, and takes nothing from anybody.
      session.waitEventType !== 'Client' &&
      !MAINTENANCE.test(session.query.text) &&
      !waiters.has(session.pid) &&
      ((session.queryAgeMs ?? 0) >= longQueryMs || dominates(session, facts.reports['active-queries'])),
  );
  const byStatement = new Map<string, ActiveSession[]>();
  for (const session of long) {
    const key = session.query.fingerprint ?? session.queryId ?? session.query.text;
    byStatement.set(key, [...(byStatement.get(key) ?? []), session]);
  }
  return [...byStatement.values()]
    .map((sessions) => ({
      sessions: sessions.sort((a, b) => (b.queryAgeMs ?? 0) - (a.queryAgeMs ?? 0) || a.pid - b.pid),
      averageActive: sessions.reduce((sum, session) => sum + session.averageActive, 0),
      blocked: sessions.reduce(
        (sum, { pid }) => sum + (roots.find((root) => root.pid === pid)?.waiters.length ?? 0),
        0,
      ),
    }))
    .sort((a, b) => b.averageActive + b.blocked - (a.averageActive + a.blocked));
}

function dominates(session: ActiveSession, report: ActiveQueriesReport | undefined): boolean {
  if (!report || report.totalActive === 0) return false;
  const throughout = (session.queryAgeMs ?? 0) >= report.windowMs;
  return throughout && session.averageActive / report.totalActive >= DOMINANT_SHARE;
}

/** Requests in flight that this statement explains: its own, those behind its locks, and what it takes from the others. */
function explained(group: Group, { facts, ledger }: Case): number {
  const byRoot = lockWaitByRoot(facts, ledger);
  const behindLocks = group.sessions.reduce((sum, { pid }) => sum + (byRoot.get(pid) ?? 0), 0);
  const own = group.sessions
    .filter((session) => facts.isApplication(session.role))
    .reduce((sum, session) => sum + Math.min(1, session.averageActive), 0);
  const totalActive = facts.reports['active-queries']?.totalActive ?? 0;
  const working = inFlightAt(ledger, 'db-cpu', 'db-io');
  const taken = totalActive > 0 ? (group.averageActive / totalActive) * working : 0;
  return Math.max(own, taken) + behindLocks;
}

function summaryOf(oldest: ActiveSession, group: Group, totalActive: number, share: number | null): string {
  const others = count(group.sessions.length - 1, 'other session runs', 'other sessions run');
  const alike = group.sessions.length > 1 ? ` (${others} the same)` : '';
  const taken = percent(totalActive > 0 ? Math.min(1, group.averageActive / totalActive) : 0);
  const blocks =
    group.blocked > 0 ? ` and lets ${count(group.blocked, 'session', 'sessions')} wait for its locks` : '';
  const explains = share === null ? '' : `: ${percent(share)} of request time`;
  const running = `has been running one statement for ${duration(oldest.queryAgeMs ?? 0)}${alike}`;
  return `${sessionName(oldest)} ${running}, takes ${taken} of the database activity${blocks}${explains}.`;
}

function evidenceOf(group: Group, totalActive: number): Evidence[] {
  const [oldest] = group.sessions;
  if (!oldest) return [];
  const pids = group.sessions.map(({ pid }) => pid);
  return [
    {
      text: `${sessionName(oldest)} has been running for ${duration(oldest.queryAgeMs ?? 0)}: ${oldest.query.text}`,
      data: { pids, queryAgeMs: oldest.queryAgeMs, query: oldest.query, waitEvent: oldest.waitEvent },
    },
    {
      text: `on average ${decimal(group.averageActive)} of ${decimal(totalActive)} busy processes worked for it`,
      data: { averageActive: group.averageActive, totalActive, blocked: group.blocked },
    },
  ];
}
