import { BackendTarget, LockRelease } from './backend-target.ts';
import { guarded, SAME_STATEMENT } from './guarded.ts';
import type { Mitigation, MitigationContext } from './mitigation.ts';
import { act, type CurrentBackend, lookAgain, noSignals, POLICY, SIGNAL_MS, verifyEffect } from './signal.ts';
import { describeBackend, describeRelease } from './words.ts';

// The same idle period is meant, so state_change and xact_start belong to the identity.
export const TERMINATE_IDLE = guarded(
  'pg_terminate_backend',
  `a.state_change = $3::timestamptz
    and a.xact_start = $4::timestamptz
    and a.state in ('idle in transaction', 'idle in transaction (aborted)')`,
);

// For a statement that a cancel did not end: the identity is that of the cancelled statement.
export const TERMINATE_ACTIVE = guarded('pg_terminate_backend', SAME_STATEMENT);

const look = (target: BackendTarget, context: MitigationContext) =>
  lookAgain(target, context, (now) => movedOn(target, now));

/** Ends a session that is idle in transaction, which no cancel can reach; or one that a cancel did not stop. */
export const terminateBackend: Mitigation<BackendTarget, LockRelease> = {
  kind: 'terminate-backend',
  verb: 'Terminate',
  risk: 'medium',
  undo: 'It cannot be taken back: the transaction is rolled back, and the client has to connect and begin again.',
  budget: 'sessions',
  executeMs: SIGNAL_MS,
  unavailable: noSignals,
  target: BackendTarget,
  dryRun: LockRelease,
  describe: describeBackend,
  describeDryRun: describeRelease,
  look,

  execute(target, context) {
    const { pid, backendStart, queryStart, queryId, stateChange, xactStart } = target;
    const [sql, identity] = target.afterCancel
      ? [TERMINATE_ACTIVE, [pid, backendStart, queryStart, queryId]]
      : [TERMINATE_IDLE, [pid, backendStart, stateChange, xactStart]];
    return act(sql, [...identity, ...POLICY(target, context)], target, context, () => look(target, context));
  },

  verify(target, context) {
    return verifyEffect(
      target,
      context,
      (now) => (!now || now.backendStart !== target.backendStart ? `pid ${target.pid} is gone` : null),
      `pid ${target.pid} is still there: rolling back a large write takes its time`,
    );
  },
};

function movedOn(target: BackendTarget, now: CurrentBackend): string | null {
  const { pid } = target;
  if (target.afterCancel) {
    const same =
      now.state === 'active' && now.queryStart === target.queryStart && now.queryId === target.queryId;
    return same ? null : `pid ${pid} has finished the statement that was to be ended`;
  }
  if (!now.state?.startsWith('idle in transaction'))
    return `pid ${pid} is no longer idle in transaction, it is ${now.state}`;
  const same = now.xactStart === target.xactStart && now.stateChange === target.stateChange;
  return same ? null : `pid ${pid} has moved on since: it is idle in transaction anew`;
}
