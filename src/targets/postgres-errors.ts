import { BotError, type ErrorCode } from '../errors.ts';

interface Told {
  code: ErrorCode;
  message: string;
}

const asFields = (error: unknown): { code?: unknown; routine?: unknown; message?: unknown } =>
  typeof error === 'object' && error !== null ? error : {};

/**
 * The same failure in words a person can act on. `role` is the role that was used, `grant` what it lacks when permission
 * is denied. PostgreSQL's own text stays in `cause`: it may quote literals.
 */
export function postgresError(error: unknown, role: string, grant = 'pg_monitor'): BotError {
  if (error instanceof BotError) return error;
  const { code, message } = tell(error, role, grant);
  return new BotError(code, message, { cause: error });
}

function tell(error: unknown, role: string, grant: string): Told {
  const { code, routine, message } = asFields(error);
  if (code === '53300') return slots(routine, role);
  const known = typeof code === 'string' ? BY_CODE[code] : undefined;
  if (known)
    return { code: known.code, message: known.message.replace('<role>', role).replace('<grant>', grant) };
  const text = typeof message === 'string' ? message : '';
  if (code === '08P01' && /unsupported startup parameter/.test(text)) {
    return {
      code: 'target-protocol',
      message:
        'this is PgBouncer, not PostgreSQL: let targets.postgres.url point straight to PostgreSQL, because PgBouncer hands the settings of the probes to other sessions',
    };
  }
  if (/timeout expired|timed out/i.test(text)) {
    return { code: 'target-timeout', message: 'PostgreSQL did not accept a connection in time' };
  }
  if (/terminated unexpectedly|Connection terminated|not queryable/i.test(text)) {
    return { code: 'target-unreachable', message: 'PostgreSQL closed the connection in the middle' };
  }
  const sqlState = typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? ` (SQLSTATE ${code})` : '';
  return { code: 'target-protocol', message: `PostgreSQL answered with an error${sqlState}` };
}

function slots(routine: unknown, role: string): Told {
  // The role's own limit says nothing about the server's slots; the routine is not translated, the text is.
  if (routine === 'InitializeSessionUserId') {
    return {
      code: 'target-permission',
      message: `the connection limit of the role ${role} is used up: alter role ${role} connection limit 4`,
    };
  }
  return {
    code: 'target-full',
    message: `PostgreSQL has no free connection slot (53300); grant pg_use_reserved_connections to ${role} and set reserved_connections, so that the bot gets in next time`,
  };
}

const BY_CODE: Record<string, Told> = {
  '42501': {
    code: 'target-permission',
    message: 'permission denied: grant <grant> to <role>',
  },
  '28P01': {
    code: 'target-permission',
    message: 'PostgreSQL refused the login of <role>: check its password in the configuration',
  },
  '28000': {
    code: 'target-permission',
    message:
      'PostgreSQL refused the login of <role>: check that the role exists and that pg_hba.conf lets it in',
  },
  '3D000': { code: 'target-permission', message: 'the configured database does not exist' },
  '57014': {
    code: 'target-timeout',
    message:
      'PostgreSQL did not finish a small catalog query in its time limit: the server itself is short of CPU, memory or I/O',
  },
  '55P03': {
    code: 'target-timeout',
    message: 'a catalog query waited for a lock: somebody holds or waits for ACCESS EXCLUSIVE',
  },
  '57P01': { code: 'target-unreachable', message: 'PostgreSQL ended the session: it is shutting down' },
  '57P02': { code: 'target-unreachable', message: 'PostgreSQL ended the session: another backend crashed' },
  '57P03': { code: 'target-unreachable', message: 'PostgreSQL is starting, stopping or recovering' },
  ECONNREFUSED: {
    code: 'target-unreachable',
    message: 'nothing accepts connections at the configured address: is PostgreSQL running?',
  },
  ECONNRESET: { code: 'target-unreachable', message: 'PostgreSQL closed the connection in the middle' },
  EPIPE: { code: 'target-unreachable', message: 'PostgreSQL closed the connection in the middle' },
  ETIMEDOUT: { code: 'target-timeout', message: 'PostgreSQL did not accept a connection in time' },
  EHOSTUNREACH: { code: 'target-unreachable', message: 'no network route to the configured PostgreSQL host' },
  ENOTFOUND: { code: 'target-unreachable', message: 'the configured PostgreSQL host name is not known' },
  EAI_AGAIN: {
    code: 'target-unreachable',
    message: 'the configured PostgreSQL host name cannot be resolved now',
  },
};
