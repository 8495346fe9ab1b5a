import { BotError, type ErrorCode } from '../errors.ts';

interface Told {
  code: ErrorCode;
  message: string;
}

/** A failure of the admin console in words a person can act on; PgBouncer's own text stays in `cause`. */
export function pgbouncerError(error: unknown, user: string): BotError {
  if (error instanceof BotError) return error;
  const { code, message } = tell(error, user);
  return new BotError(code, message, { cause: error });
}

// PgBouncer answers nearly every failure with SQLSTATE 08P01; only its text, which is not translated, tells them apart.
function tell(error: unknown, user: string): Told {
  const text = error instanceof Error ? error.message : '';
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const known = typeof code === 'string' ? BY_CODE[code] : undefined;
  if (known) return known;
  if (/admin access needed/i.test(text)) {
    return {
      code: 'target-permission',
      message: `PgBouncer lets ${user} look but not act: add ${user} to admin_users in pgbouncer.ini, then RELOAD`,
    };
  }
  if (/not allowed|no such user|password authentication failed|auth failed/i.test(text)) {
    return {
      code: 'target-permission',
      message: `PgBouncer does not let ${user} into its admin console: add ${user} to stats_users in pgbouncer.ini and to the auth_file, then RELOAD`,
    };
  }
  if (/no more connections allowed/i.test(text)) {
    return { code: 'target-full', message: 'PgBouncer has no free client slot (max_client_conn)' };
  }
  if (/no such database/i.test(text) || NOT_THE_CONSOLE.has(String(code))) {
    return {
      code: 'target-protocol',
      message:
        'this is not the admin console: let targets.pgbouncer.url point to PgBouncer and name the database pgbouncer',
    };
  }
  if (/timeout expired|timed out/i.test(text)) {
    return { code: 'target-timeout', message: 'PgBouncer did not accept a connection in time' };
  }
  if (/terminated unexpectedly|Connection terminated|not queryable|shut(ting)? ?down/i.test(text)) {
    return { code: 'target-unreachable', message: 'PgBouncer closed the connection in the middle' };
  }
  const sqlState = typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? ` (SQLSTATE ${code})` : '';
  return { code: 'target-protocol', message: `PgBouncer answered with an error${sqlState}` };
}

/** What PostgreSQL says to SHOW POOLS (unrecognised parameter), and about a database that it does not have. */
const NOT_THE_CONSOLE = new Set(['42704', '3D000']);

const CLOSED: Told = {
  code: 'target-unreachable',
  message: 'PgBouncer closed the connection in the middle',
};
const BY_CODE: Record<string, Told> = {
  ECONNREFUSED: {
    code: 'target-unreachable',
    message: 'nothing accepts connections at the configured address: is PgBouncer running?',
  },
  ECONNRESET: CLOSED,
  EPIPE: CLOSED,
  ETIMEDOUT: { code: 'target-timeout', message: 'PgBouncer did not accept a connection in time' },
  EHOSTUNREACH: { code: 'target-unreachable', message: 'no network route to the configured PgBouncer host' },
  ENOTFOUND: { code: 'target-unreachable', message: 'the configured PgBouncer host name is not known' },
  EAI_AGAIN: {
    code: 'target-unreachable',
    message: 'the configured PgBouncer host name cannot be resolved now',
  },
};
