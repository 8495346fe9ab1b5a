import { BackendTarget, LockRelease } from './backend-target.ts';
import { guarded, SAME_STATEMENT } from './guarded.ts';
import type { Mitigation, MitigationContext } from './mitigation.ts';
import { act, type CurrentBackend, lookAgain, noSignals, POLICY, SIGNAL_MS, verifyEffect } from './signal.ts';
import { describeBackend, describeRelease } from './words.ts';

export const CANCEL = guarded('pg_cancel_backend', SAME_STATEMENT);

const look = (target: BackendTarget, context: MitigationContext) =>
  lookAgain(target, context, (now) => movedOn(target, now));

/** Cancels the statement that a session is running; the session stays. */
export const cancelQuery: Mitigation<BackendTarget, LockRelease> = {
  kind: 'cancel-query',
  verb: 'Cancel query',
  risk: 'low',
  undo: 'It cannot be taken back: the statement is rolled back, and the client gets error 57014 and may run it again.',
  budget: 'sessions',
  executeMs: SIGNAL_MS,
  unavailable: noSignals,
  target: BackendTarget,
  dryRun: LockRelease,
  describe: describeBackend,
  describeDryRun: describeRelease,
  look,

  execute(target, context) {
    const identity = [target.pid, target.backendStart, target.queryStart, target.queryId];
    return act(CANCEL, [...identity, ...POLICY(target, context)], target, context, () =>
      look(target, context),
    );
  },

  verify(target, context) {
    return verifyEffect(
      target,
      context,
      (now) => ended(target, now),
      `pid ${target.pid} is still running the statement: rolling back a large write takes its time`,
    );
  },
};

function movedOn(target: BackendTarget, now: CurrentBackend): string | null {
  if (now.state !== 'active') return `pid ${target.pid} has finished its statement and is ${now.state}`;
  if (now.queryStart !== target.queryStart || now.queryId !== target.queryId) {
    return `pid ${target.pid} is running another statement by now`;
  }
  return null;
}

function ended(target: BackendTarget, now: CurrentBackend | undefined): string | null {
  if (!now || now.backendStart !== target.backendStart) return `pid ${target.pid} is gone`;
  if (now.state === 'active' && now.queryStart === target.queryStart) return null;
  return now.state === 'active'
    ? `pid ${target.pid} has moved on to another statement`
    : `the statement of pid ${target.pid} has ended, the session is ${now.state}`;
}
