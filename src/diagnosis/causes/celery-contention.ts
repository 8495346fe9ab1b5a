import {
  type Blocker,
  blockedInFlight,
  blockerEvidence,
  blockersOf,
  longestWaitMs,
  sampledEvidence,
  tableOf,
} from '../blockers.ts';
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
import { celeryRoles, isNamedCelery } from '../celery-work.ts';
import type { Evidence } from '../diagnosis.ts';
import { inFlightAt, withQueue } from '../ledger.ts';
import { count, decimal, duration, percent, sessionName } from '../words.ts';
import { heldInTurnByCelery } from './lock-active-writer.ts';

const MAX_SHOWN = 3;

/** Celery's part of the work of the database. */
interface Load {
  /** Of the execution time that ended in the window, 0 to 1. */
  statements: number;
  /** Of the sampled sessions that worked and did not wait for a lock, 0 to 1. */
  working: number;
  roles: string[];
}

/** Tasks of Celery hold the rows or the time of the database that requests need. */
export const celeryContention: CauseRule = {
  id: 'celery-contention',
  title: 'Celery competes with the API',
  explanation: {
    what: 'Tasks of Celery work on the same database as the API. They hold locks on rows that requests need, batch after batch, or take most of the time of the database.',
    signs:
      'Sessions of Celery are the roots of the lock tree with requests under them, or the roles of Celery have at least celeryShare of the work of the database, while the API is slow. When one session holds the locks all the time, that session is the cause; when tasks hold them in turn, Celery is.',
    act: [
      'Brake the task: celery control rate_limit TASK 10/m; or take its queue off the workers: celery control cancel_consumer QUEUE.',
      'A single task that holds locks: revoke it, then cancel its statement.',
    ],
    avoid: [
      'Cancelling batch after batch: the next one follows.',
      'celery control pool_shrink: it fails while all processes are busy.',
      'celery purge: the tasks are lost.',
    ],
    prevent: [
      'Small batches with a commit each, at times when the API has little to do.',
      'A role of its own for Celery with statement_timeout and lock_timeout.',
      'A lock (or a queue with one worker) that keeps a periodic task from running twice.',
    ],
  },
  needs: ['lock-tree'],
  explainedBy: [
    ...['lock-idle-in-tx', 'lock-active-writer', 'long-running-query', 'missing-index'],
    ...['plan-regression', 'stale-stats-bloat', 'sort-spill', 'traffic-spike'],
  ],

  judge(the) {
    // No session is offered here, and a look may fall on the change from one batch to the next.
    const blockers = blockersOf(the, ['active', 'idle-in-transaction'], true).filter(({ session }) =>
      isNamedCelery(session),
    );
    if (blockers.length > 0) return byLocks(the, blockers);
    return byLoad(the);
  },
};

function byLocks(the: Case, blockers: readonly Blocker[]): Verdict {
  const [worst] = blockers;
  if (!worst) return couldNotLook('the locks of Celery could not be seen');
  const evidence = [...blockers.slice(0, MAX_SHOWN).flatMap(blockerEvidence), ...sampledEvidence(the)];
  if (nobodySuffers(the)) {
    return ruledOut(
      'tasks of Celery hold locks that requests wait for, but the API does not suffer',
      evidence,
    );
  }
  const share = shareOf(withQueue(blockedInFlight(the, blockers), the.ledger), the.ledger);
  const inTurn = worst.root.class === 'active' && heldInTurnByCelery(the, worst);
  return {
    status: 'found',
    share,
    confidence: confidence(apiComplains(the)),
    summary: lockSummary(worst, inTurn, share),
    evidence,
    against: [],
    mitigations: [],
    advice: adviceFor(taskOf(worst)),
    // Where one session holds the locks all the time, that session is the cause, and Celery is who it is.
    independent: inTurn,
  };
}

function lockSummary({ root, session, victims }: Blocker, inTurn: boolean, share: number | null): string {
  const table = tableOf(victims, root.held);
  const on = table ? ` on ${table}` : '';
  const explains = share === null ? '' : `: ${percent(share)} of request time`;
  const waiting = count(victims.length, 'request waits', 'requests wait');
  return inTurn
    ? `Tasks of Celery hold locks${on} one after the other, now ${sessionName(session)}, and ${waiting} for up to ${duration(longestWaitMs(victims))}${explains}.`
    : `${sessionName(session)} is Celery's, and ${waiting} for its locks${on}${explains}.`;
}

/** The name of the task, where the application name tells it: "celery: reconcile_payments". */
function taskOf({ session }: Blocker): string | null {
  return /celery\W+(\w[\w.]*)/i.exec(session.application)?.[1] ?? null;
}

function byLoad(the: Case): Verdict {
  const load = loadOf(the);
  if (typeof load === 'string') return couldNotLook(load);
  const { celeryShare, causeShare } = the.facts.service.thresholds;
  const text = `Celery (${load.roles.join(', ') || 'no role seen'}) has ${percent(load.statements)} of the execution time of PostgreSQL, and ${percent(load.working)} of its work in the samples`;
  const evidence = [{ text, data: { ...load } }];
  const inFlight = inFlightAt(the.ledger, 'db-cpu', 'db-io') * load.working;
  const share = shareOf(withQueue(inFlight, the.ledger), the.ledger);
  if (load.statements < celeryShare || load.working < celeryShare || (share ?? 1) < causeShare) {
    return ruledOut(`no task of Celery blocks requests, and ${text}`, evidence);
  }
  if (nobodySuffers(the)) return ruledOut(`${text}, but the API does not suffer`, evidence);
  const explains = share === null ? '' : `: ${percent(share)} of request time`;
  return {
    status: 'found',
    share,
    // The counters of the statements and the samples of the sessions are two sources.
    confidence: 0.9,
    summary: `Celery takes ${percent(load.working)} of the work of PostgreSQL while the API is slow${explains}.`,
    evidence: [...evidence, ...statementEvidence(the, load)],
    against: [],
    mitigations: [],
    advice: adviceFor(null),
  };
}

/** How much of the database is Celery's; a sentence where that could not be seen. */
function loadOf({ facts }: Case): Load | string {
  const roles = celeryRoles(facts);
  const statements = facts.reports['top-statements'];
  const active = facts.reports['active-queries'];
  if (!active) return `the work of Celery could not be seen: ${facts.missing('active-queries').reason}`;
  const rows = active.activity.filter(({ waitType }) => waitType !== 'Lock' && waitType !== 'Client');
  const sum = (some: typeof rows) => some.reduce((total, row) => total + row.averageActive, 0);
  const all = sum(rows);
  const working = all > 0 ? sum(rows.filter((row) => roles.has(row.role) || isNamedCelery(row))) / all : 0;
  // Without its work in the samples there is nothing that the counters of its statements could add.
  if (!statements && working >= facts.service.thresholds.celeryShare) {
    return `the execution time of Celery could not be seen: ${facts.missing('top-statements').reason}`;
  }
  const of = (statements?.byRole ?? []).filter(({ role }) => roles.has(role));
  return { statements: of.reduce((total, { share }) => total + share, 0), working, roles: [...roles].sort() };
}

function statementEvidence({ facts }: Case, { roles }: Load): Evidence[] {
  return (facts.reports['top-statements']?.statements ?? [])
    .filter(({ role }) => roles.includes(role))
    .slice(0, MAX_SHOWN)
    .map(({ query, calls, meanMs, share }) => ({
      text: `${percent(share)} of the execution time: ${query.text} (${decimal(calls)} calls, ${duration(meanMs)} each)`,
      data: { query, calls, meanMs, share },
    }));
}

function adviceFor(task: string | null): string[] {
  const name = task ?? '<task>';
  return [
    `Brake it: celery -A <app> control rate_limit ${name} 10/m (undo: rate_limit ${name} 0; it is lost when a worker restarts).`,
    'Or let the workers take nothing from its queue for now: celery -A <app> control cancel_consumer <queue> (undo: add_consumer <queue>). What runs, runs on.',
    'A periodic task that follows itself at once: disable it in the beat schedule, and give it a lock so that it never overlaps.',
    'In the task: a few hundred rows a transaction, and nothing slow between the lock and the commit.',
  ];
}
