import { userMessageOf } from '../errors.ts';
import type { Ask } from './postgres.ts';
import type { Examined } from './requirement.ts';

type Row = Record<string, unknown>;

interface Examine {
  /** Absent without a role for approved acts. */
  act?: <R extends Row>(ask: Pick<Ask, 'sql' | 'values' | 'signal'>) => Promise<R[]>;
  ownerRole: string | undefined;
  signal: AbortSignal;
}

// Since PostgreSQL 16 a member may become a role only where that was granted too; before, membership is enough.
const OWNER = `
  select
    session_user::text as role, r.rolname is not null as known, coalesce(r.rolsuper, false) as superuser,
    current_setting('server_version_num')::int >= 160000 as "setOption",
    case
      when r.oid is null then false
      when current_setting('server_version_num')::int >= 160000 then pg_has_role(session_user, r.oid, 'set')
      else pg_has_role(session_user, r.oid, 'member')
    end as becomes
  from (select $1::text as name) wanted left join pg_roles r on r.rolname = wanted.name`;

interface OwnerRow extends Row {
  role: string;
  known: boolean;
  superuser: boolean;
  setOption: boolean;
  becomes: boolean;
}

/** Whether approved acts may become the owner of the tables, as an index needs it. */
export async function examineOwner({ act, ownerRole, signal }: Examine): Promise<Examined> {
  const id = 'postgres:own';
  const unmet = (words: string, remedy: string): Examined => ({ id, met: false, words, remedy });
  if (!act) return unmet('no role for approved acts is configured', 'set targets.postgres.actionUrl');
  if (ownerRole === undefined) {
    return unmet(
      'no owner of the tables is configured: the bot builds no index',
      'set targets.postgres.ownerRole (docs/permissions.md)',
    );
  }
  try {
    const [found] = await act<OwnerRow>({ sql: OWNER, values: [ownerRole], signal });
    if (!found) return { id, met: null, words: 'PostgreSQL gave no answer about the owner', remedy: null };
    const { role, known, superuser, setOption, becomes } = found;
    if (!known) return unmet(`there is no role ${ownerRole}`, 'correct targets.postgres.ownerRole');
    if (superuser) {
      return unmet(`${ownerRole} is a superuser`, 'let another role own the tables, and name that one');
    }
    const grant = `grant ${ownerRole} to ${role}${setOption ? ' with inherit false, set true' : ''}`;
    return becomes
      ? { id, met: true, words: `${role} may become ${ownerRole}`, remedy: null }
      : unmet(`${role} may not become ${ownerRole}`, grant);
  } catch (error) {
    return unmet(userMessageOf(error), 'check targets.postgres.actionUrl and its role');
  }
}
