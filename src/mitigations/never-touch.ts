import type { NamedService } from '../config/schema.ts';
import type { Session } from '../targets/backend.ts';

/** Tools whose interruption costs more than their load; a person may end them by hand. */
export const BACKUP_TOOLS = ['pg_dump', 'pg_dumpall', 'pg_restore', 'pg_basebackup'];

type Identity = Pick<Session, 'backendType' | 'superuser' | 'replication' | 'role' | 'application'>;

/** Why the bot never signals this session; null when it may. The SQL that acts checks the same again. */
export function neverTouch(session: Identity, service: NamedService): string | null {
  if (session.backendType !== 'client backend') return `it is not a client (${session.backendType})`;
  if (session.superuser) return `its role ${session.role} is a superuser`;
  if (session.replication) return `its role ${session.role} is for replication`;
  if (service.mitigations.neverTouchRoles.includes(session.role)) {
    return `its role ${session.role} is configured as never to be touched`;
  }
  if (session.application.startsWith('latency-bot')) return "it is one of the bot's own";
  if (BACKUP_TOOLS.includes(session.application)) return `it is a backup (${session.application})`;
  return null;
}
