import { BackendTarget, LockRelease } from './backend-target.ts';
import type { Mitigation, MitigationContext } from './mitigation.ts';
import { act, type CurrentBackend, lookAgain, POLICY, verifyEffect } from './signal.ts';
import { describeBackend, describeRelease } from './words.ts';

// Identity, policy and effect in one statement: nothing can change in between but for microseconds. An idle
// session keeps its last query_start, so the state is part of the identity.
export const CANCEL = `
  with target as materialized (
    select a.pid
    from pg_stat_activity a
    join pg_roles r on r.oid = a.usesysid
    where a.pid = $1
    and a.backend_start = $2::timestamptz
    and a.query_start = $3::timestamptz
    and to_jsonb(a) ->> 'query_id' is not distinct from $4
    and a.state = 'active'
    and a.backend_type = 'client backend'
    and a.datname = $5
    and a.datname = current_database()
    and a.usename = $6
    and a.usename <> all ($7::text[])
    and a.application_name <> all ($8::text[])
    and a.application_name not like 'latency-bot%'
    and a.pid <> pg_backend_pid()
    and not r.rolsuper
    and not r.rolreplication
  )
  select pg_cancel_backend(pid) as signalled
  from target`;

const look = (target: BackendTarget, context: MitigationContext) =>
  lookAgain(target, context, (now) => movedOn(target, now));

/** Cancels the statement that a session is running; the session stays. */
export const cancelQuery: Mitigation<BackendTarget, LockRelease> = {
  kind: 'cancel-query',
  verb: 'Cancel query',
  risk: 'low',
  undo: 'It cannot be taken back: the statement is rolled back, and the client gets error 57014 and may run it again.',
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
