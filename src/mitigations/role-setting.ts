import { z } from 'zod';
import type { SessionQuery } from '../targets/postgres.ts';
import { timeLimit } from '../targets/time-limit.ts';
import { asProbe } from './index-look.ts';
import type { Effect, MitigationContext, Verification } from './mitigation.ts';
import { postgresOf } from './signal.ts';

/** The statement_timeout of one role in one database, before and after a change; null where it has none of its own. */
export const RoleSetting = z.object({
  role: z.string().min(1).max(63),
  database: z.string().min(1).max(63),
  /** As pg_db_role_setting has it. What was changed by somebody else meanwhile is not changed again. */
  from: z.string().nullable(),
  to: z.string().nullable(),
});
export type RoleSetting = z.infer<typeof RoleSetting>;

export const RoleDryRun = z.object({
  /** Sessions that are open: they keep what they began with. Null where only a look can tell. */
  sessions: z.int().nullable(),
  busySessions: z.int().nullable(),
  /** Until it is taken back by the bot; null when it stays. */
  forMs: z.number().nullable(),
});
export type RoleDryRun = z.infer<typeof RoleDryRun>;

/** Opening a session and one small statement on it. */
export const SETTING_MS = 10_000;

interface RoleNow {
  database: string;
  superuser: boolean;
  replication: boolean;
  current: string | null;
  mayAlter: boolean;
  sessions: number;
  busySessions: number;
  statement: string;
}

// $1 role, $2 role of approved acts, $3 the new value or null. From PostgreSQL 16 on CREATEROLE works only on roles
// that one has ADMIN on.
const ROLE_NOW = `
  select
    current_database()::text as database,
    r.rolsuper as superuser,
    r.rolreplication as replication,
    (select substr(entry, length('statement_timeout=') + 1)
      from pg_db_role_setting s cross join unnest(s.setconfig) entry
      where s.setrole = r.oid
      and s.setdatabase = (select oid from pg_database where datname = current_database())
      and entry like 'statement_timeout=%') as current,
    coalesce((
      select actor.rolsuper or (actor.rolcreaterole
        and (current_setting('server_version_num')::int < 160000
          or pg_has_role(actor.oid, r.oid, 'member with admin option')))
      from pg_roles actor where actor.rolname = $2
    ), false) as "mayAlter",
    (select count(*)::int from pg_stat_activity a
      where a.usename = r.rolname and a.datname = current_database()
      and a.backend_type = 'client backend') as sessions,
    (select count(*)::int from pg_stat_activity a
      where a.usename = r.rolname and a.datname = current_database()
      and a.backend_type = 'client backend' and a.state = 'active') as "busySessions",
    case when $3::text is null
      then format('alter role %I in database %I reset statement_timeout', r.rolname, current_database())
      else format('alter role %I in database %I set statement_timeout = %L', r.rolname, current_database(), $3::text)
    end as statement
  from pg_roles r
  where r.rolname = $1`;

/** The role as it is now, or why its setting is not changed. */
export async function roleNow(
  query: SessionQuery,
  target: RoleSetting,
  context: MitigationContext,
): Promise<RoleNow | { reason: string }> {
  const { role, database, from, to } = target;
  const postgres = postgresOf(context);
  const [now] = await query<RoleNow & Record<string, unknown>>(ROLE_NOW, [role, postgres.actionRole, to]);
  if (!now) return { reason: `there is no role ${role} any more` };
  if (now.database !== database) return { reason: `the service is in the database ${now.database} by now` };
  const forbidden = forbiddenRole(role, now, context);
  if (forbidden) return { reason: `the role ${role} must not be touched: ${forbidden}` };
  if (now.current !== from) {
    const [is, was] = [now.current, from].map((value) => value ?? 'not set');
    return { reason: `statement_timeout of ${role} has been changed meanwhile: it is ${is} and was ${was}` };
  }
  if (now.mayAlter) return now;
  return {
    reason: `${postgres.actionRole ?? 'the role of approved acts'} may not change ${role}: it needs CREATEROLE, and ADMIN on ${role} (docs/permissions.md)`,
  };
}

function forbiddenRole(role: string, now: RoleNow, { service }: MitigationContext): string | null {
  if (now.superuser) return 'it is a superuser';
  if (now.replication) return 'it is for replication';
  if (service.mitigations.neverTouchRoles.includes(role)) return 'it is configured as never to be touched';
  const { url, actionUrl } = service.targets.postgres ?? {};
  const own = [url, actionUrl].flatMap((one) => (one ? [decodeURIComponent(new URL(one).username)] : []));
  if (own.includes(role)) return "it is one of the bot's own";
  return service.mitigations.brakeRoles.includes(role) ? null : 'it is not among mitigations.brakeRoles';
}

/** Looks and changes in one session; nothing lies between but one round trip. */
export function changeSetting(
  target: RoleSetting,
  context: MitigationContext,
  did: Record<string, unknown>,
): Promise<Effect> {
  const signal = timeLimit(context.signal, SETTING_MS);
  const ask = { settings: {}, grant: `CREATEROLE, and ${target.role} with ADMIN,`, signal };
  return postgresOf(context).maintain(ask, async ({ query }): Promise<Effect> => {
    const now = await roleNow(query, target, context);
    if ('reason' in now) return { effect: 'target-changed', reason: now.reason };
    await query(now.statement);
    return { effect: 'done', detail: settingWords(target), did };
  });
}

/** Whether pg_db_role_setting says so. */
export async function verifySetting(target: RoleSetting, context: MitigationContext): Promise<Verification> {
  const postgres = postgresOf(context);
  const [now] = await asProbe(context)<RoleNow & Record<string, unknown>>(ROLE_NOW, [
    target.role,
    postgres.actionRole,
    target.to,
  ]);
  if (!now) return { effect: 'unknown', detail: `there is no role ${target.role} any more` };
  if (now.current === target.to) {
    const open =
      now.sessions === 0 ? 'no session of it is open' : `${now.sessions} open sessions keep what they had`;
    return { effect: 'took-place', detail: `${settingWords(target)}; ${open}` };
  }
  const is = now.current ?? 'not set';
  return { effect: 'did-not-take-place', detail: `statement_timeout of ${target.role} is ${is}` };
}

/** "new sessions of debtflow_report have statement_timeout 5s" */
export function settingWords({ role, to }: RoleSetting): string {
  return to === null
    ? `new sessions of ${role} have no statement_timeout of their own any more`
    : `new sessions of ${role} have statement_timeout ${to}`;
}
