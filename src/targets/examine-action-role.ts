import { userMessageOf } from '../errors.ts';
import type { Ask } from './postgres.ts';
import type { Examined } from './requirement.ts';

type Row = Record<string, unknown>;

interface Examine {
  /** Absent without a role for approved acts. */
  act?: <R extends Row>(ask: Pick<Ask, 'sql' | 'signal'>) => Promise<R[]>;
  signal: AbortSignal;
}

// pg_read_all_stats belongs to it: the statement that acts re-checks state and start of the session it signals.
const ROLE = `
  select
    session_user::text as role,
    (select rolsuper from pg_roles where rolname = session_user) as superuser,
    pg_has_role(session_user, 'pg_signal_backend', 'usage') as signals,
    pg_has_role(session_user, 'pg_read_all_stats', 'usage') as sees`;

interface RoleRow extends Row {
  role: string;
  superuser: boolean;
  signals: boolean;
  sees: boolean;
}

/** Whether approved acts have a role that can carry them out, and no more than that. */
export async function examineAction({ act, signal }: Examine): Promise<Examined> {
  const id = 'postgres:act';
  if (!act) {
    const words = 'no role for approved acts is configured: the bot only looks';
    return { id, met: false, words, remedy: 'set targets.postgres.actionUrl (docs/permissions.md)' };
  }
  try {
    const [found] = await act<RoleRow>({ sql: ROLE, signal });
    if (!found) return { id, met: null, words: 'PostgreSQL gave no answer about the role', remedy: null };
    const { role, superuser, signals, sees } = found;
    if (superuser) {
      const words = `${role} is a superuser: it could signal what the bot must never touch`;
      return {
        id,
        met: false,
        words,
        remedy: `alter role ${role} nosuperuser; grant pg_monitor, pg_signal_backend to ${role}`,
      };
    }
    const lacks = [...(sees ? [] : ['pg_monitor']), ...(signals ? [] : ['pg_signal_backend'])];
    return lacks.length > 0
      ? {
          id,
          met: false,
          words: `${role} lacks ${lacks.join(' and ')}`,
          remedy: `grant ${lacks.join(', ')} to ${role}`,
        }
      : { id, met: true, words: `${role} may signal sessions and is no superuser`, remedy: null };
  } catch (error) {
    return {
      id,
      met: false,
      words: userMessageOf(error),
      remedy: 'check targets.postgres.actionUrl and its role',
    };
  }
}
