import { setTimeout as sleep } from 'node:timers/promises';
import type { NamedService } from '../config/schema.ts';
import { BotError, userMessageOf } from '../errors.ts';
import { currentLockTree, type LockTreeReport } from '../probes/lock-tree.ts';
import type { PostgresTarget } from '../targets/postgres.ts';
import { type BackendTarget, type LockRelease, lockRelease } from './backend-target.ts';
import type { Effect, Look, MitigationContext, Verification } from './mitigation.ts';
import { BACKUP_TOOLS, neverTouch } from './never-touch.ts';

const VERIFY_MS = 5_000;
const VERIFY_EVERY_MS = 200;

const CURRENT = `
  select
    a.backend_start::text as "backendStart",
    a.xact_start::text as "xactStart",
    a.query_start::text as "queryStart",
    a.state_change::text as "stateChange",
    a.state,
    to_jsonb(a) ->> 'query_id' as "queryId",
    a.datname as database,
    a.application_name as application,
    coalesce(a.usename, '') as role,
    a.backend_type as "backendType",
    coalesce(r.rolsuper, true) as superuser,
    coalesce(r.rolreplication, false) as replication,
    (extract(epoch from clock_timestamp() - a.xact_start) * 1000)::float8 as "xactAgeMs"
  from pg_stat_activity a
  left join pg_roles r on r.oid = a.usesysid
  where a.pid = $1`;

/** A session as it is now, with everything that decides whether it may be signalled. */
export interface CurrentBackend {
  backendStart: string;
  xactStart: string | null;
  queryStart: string | null;
  stateChange: string | null;
  state: string | null;
  queryId: string | null;
  database: string | null;
  application: string;
  role: string;
  backendType: string;
  superuser: boolean;
  replication: boolean;
  xactAgeMs: number | null;
}

/** How long sending a signal and looking at its effect may take. */
export const SIGNAL_MS = 6_000;

/** Why no session of this service can be signalled; null when one can. */
export function noSignals({ targets }: NamedService): string | null {
  return targets.postgres?.actionUrl ? null : 'the bot only looks, targets.postgres.actionUrl is not set';
}

/** The client of the service, or the error that says that there is none. */
export function postgresOf({ targets }: MitigationContext): PostgresTarget {
  if (targets.postgres) return targets.postgres;
  throw new BotError('not-configured', 'no PostgreSQL is configured for this service');
}

/** Reads the session with this pid; undefined when there is none. */
export async function readBackend(
  pid: number,
  context: MitigationContext,
): Promise<CurrentBackend | undefined> {
  const [row] = await postgresOf(context).query<CurrentBackend>({
    probe: 'recheck',
    sql: CURRENT,
    values: [pid],
    signal: context.signal,
    always: true,
  });
  return row;
}

/**
 * Looks whether the approved session is still the one that was shown, in the state that `movedOn` checks, and
 * computes the dry run anew.
 */
export async function lookAgain(
  target: BackendTarget,
  context: MitigationContext,
  movedOn: (now: CurrentBackend) => string | null,
): Promise<Look<LockRelease>> {
  const now = await readBackend(target.pid, context);
  const reason = changeOf(target, now, context) ?? (now ? movedOn(now) : null);
  if (reason !== null) return { state: 'changed', reason };
  const tree = await currentLockTree(postgresOf(context), context.signal);
  return { state: 'same', dryRun: lockRelease(target.pid, now?.xactAgeMs ?? null, tree.nodes) };
}

function changeOf(
  target: BackendTarget,
  now: CurrentBackend | undefined,
  { service }: MitigationContext,
): string | null {
  if (!now) return `pid ${target.pid} is gone`;
  if (now.backendStart !== target.backendStart) return `pid ${target.pid} is another session by now`;
  if (now.database !== target.database) return `pid ${target.pid} is in another database`;
  if (now.role !== target.role) return `pid ${target.pid} has another role by now`;
  const forbidden = neverTouch(now, service);
  return forbidden ? `pid ${target.pid} must not be touched: ${forbidden}` : null;
}

/** The policy, as parameters $5 to $8 of the statements that act. */
export const POLICY = (target: BackendTarget, { service }: MitigationContext): unknown[] => [
  target.database,
  target.role,
  service.mitigations.neverTouchRoles,
  BACKUP_TOOLS,
];

/** Sends the one statement that checks and acts; no row means that the target was no longer what was approved. */
export async function act(
  sql: string,
  values: unknown[],
  target: BackendTarget,
  context: MitigationContext,
  look: () => Promise<Look<LockRelease>>,
): Promise<Effect> {
  const rows = await postgresOf(context).act<{ signalled: boolean }>({ sql, values, signal: context.signal });
  if (rows[0]?.signalled) return { effect: 'done', detail: `the signal was sent to pid ${target.pid}` };
  if (rows[0])
    return { effect: 'target-changed', reason: `pid ${target.pid} went away by itself just before` };
  return { effect: 'target-changed', reason: await whyChanged(target, look) };
}

/** Words for a refusal that has already happened: not being able to look does not change it. */
async function whyChanged(target: BackendTarget, look: () => Promise<Look<LockRelease>>): Promise<string> {
  const unclear = `pid ${target.pid} was no longer in the approved state at the moment of acting`;
  try {
    const again = await look();
    return again.state === 'changed' ? again.reason : unclear;
  } catch (error) {
    return `${unclear} (looking again: ${userMessageOf(error)})`;
  }
}

/** Polls until `done` holds or 5 s have passed, then tells what became of those who waited. */
export async function verifyEffect(
  target: BackendTarget,
  context: MitigationContext,
  done: (now: CurrentBackend | undefined) => string | null,
  still: string,
): Promise<Verification> {
  const begin = performance.now();
  try {
    for (;;) {
      const effect = done(await readBackend(target.pid, context));
      if (effect !== null)
        return { effect: 'took-place', detail: `${effect}; ${await waitersNow(target, context)}` };
      if (performance.now() - begin > VERIFY_MS) break;
      await sleep(VERIFY_EVERY_MS, undefined, { signal: context.signal });
    }
    return { effect: 'did-not-take-place', detail: still };
  } catch (error) {
    const reason = error instanceof BotError ? error.userMessage : 'the time was up';
    return { effect: 'unknown', detail: `could not look whether it took effect: ${reason}` };
  }
}

async function waitersNow(target: BackendTarget, context: MitigationContext): Promise<string> {
  const tree = await currentLockTree(postgresOf(context), context.signal).catch((error: unknown) => error);
  if (!isTree(tree)) return `who still waits for locks could not be seen (${userMessageOf(tree)})`;
  const waiting = tree.waitingAtEnd;
  if (waiting === 0) return 'no session waits for a lock any more';
  const [root] = tree.roots;
  const sessions = waiting === 1 ? '1 session still waits' : `${waiting} sessions still wait`;
  return `${sessions} for locks, now under pid ${root?.pid ?? target.pid}`;
}

const isTree = (value: unknown): value is LockTreeReport =>
  typeof value === 'object' && value !== null && 'waitingAtEnd' in value;
