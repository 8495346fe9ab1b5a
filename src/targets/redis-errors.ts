import { BotError, type ErrorCode } from '../errors.ts';

interface Told {
  code: ErrorCode;
  message: string;
}

/**
 * A failure of Redis, or of the way to it, in words a person can act on. `doing` is the command without its arguments,
 * `remedy` the line that allows it. Redis's own text and ioredis's `command` may hold keys and passwords: of them only
 * the error's name is kept as the cause.
 */
export function redisError(error: unknown, doing: string, remedy: string): BotError {
  if (error instanceof BotError) return error;
  const { name, text } = named(error);
  const { code, message } = tell(name, text, doing, remedy);
  return new BotError(code, message, { cause: new Error(`${doing}: ${name}`) });
}

function named(error: unknown): { name: string; text: string } {
  if (!(error instanceof Error)) return { name: 'unknown', text: '' };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const word = /^[A-Z][A-Z0-9_]*(?= )/.exec(error.message)?.[0];
  return { name: code ?? word ?? error.name, text: error.message };
}

function tell(name: string, text: string, doing: string, remedy: string): Told {
  if (name === 'NOPERM') {
    return { code: 'target-permission', message: `Redis denies ${doing} to the bot: ${remedy}` };
  }
  const known = BY_NAME[name];
  if (known) return known;
  if (/max number of clients/i.test(text)) return FULL;
  if (/DB index is out of range/i.test(text)) {
    return {
      code: 'target-permission',
      message: 'the configured database number does not exist in this Redis',
    };
  }
  if (/unknown (sub)?command/i.test(text)) {
    return { code: 'target-protocol', message: `this Redis does not know ${doing}: it is older than 6.2` };
  }
  if (name === 'ParserError' || /Protocol error|Unknown RESP/i.test(text)) return NOT_REDIS;
  if (/certificate|self.signed|CERT_|issuer/i.test(`${name} ${text}`)) return UNTRUSTED;
  if (/^(EPROTO|ERR_SSL)/.test(name)) return NO_TLS;
  if (/Connection is closed|writeable|Command aborted/i.test(text)) return CLOSED;
  return { code: 'target-protocol', message: `Redis answered ${doing} with an error (${name})` };
}

const CLOSED: Told = { code: 'target-unreachable', message: 'Redis closed the connection in the middle' };
const FULL: Told = {
  code: 'target-full',
  message:
    'Redis has no free client slot (maxclients): somebody holds too many connections, and the API gets none either',
};
const NOT_REDIS: Told = {
  code: 'target-protocol',
  message:
    'what answers at the configured address does not speak the protocol of Redis: is it a TLS port (rediss://)?',
};
const UNTRUSTED: Told = {
  code: 'target-protocol',
  message: 'the certificate of Redis is not trusted: give its authority in NODE_EXTRA_CA_CERTS',
};
const NO_TLS: Told = {
  code: 'target-protocol',
  message: 'Redis does not answer in TLS: let targets.redis.url begin with redis:// if TLS is not on',
};

// https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors: the first word names the error.
const BY_NAME: Record<string, Told> = {
  NOAUTH: {
    code: 'target-permission',
    message: 'Redis wants a password: give user and password in targets.redis.url',
  },
  WRONGPASS: {
    code: 'target-permission',
    message:
      'Redis refused the login: check user and password in targets.redis.url, and that ACL GETUSER says on',
  },
  DENIED: {
    code: 'target-permission',
    message:
      'Redis runs in protected mode and lets nobody in from outside: set a password, or bind it to the network of the bot',
  },
  LOADING: {
    code: 'target-unreachable',
    message: 'Redis is loading its data set from disk (LOADING): nobody is served until it is done',
  },
  BUSY: {
    code: 'target-unreachable',
    message:
      'a script blocks Redis (BUSY) and nobody is served: SCRIPT KILL ends it if it has written nothing',
  },
  MASTERDOWN: {
    code: 'target-unreachable',
    message: 'this Redis is a replica that has lost its master (MASTERDOWN)',
  },
  ECONNREFUSED: {
    code: 'target-unreachable',
    message: 'nothing accepts connections at the configured address: is Redis running?',
  },
  ECONNRESET: CLOSED,
  EPIPE: CLOSED,
  ETIMEDOUT: { code: 'target-timeout', message: 'Redis did not accept a connection in time' },
  EHOSTUNREACH: { code: 'target-unreachable', message: 'no network route to the configured Redis host' },
  ENETUNREACH: { code: 'target-unreachable', message: 'no network route to the configured Redis host' },
  ENOTFOUND: { code: 'target-unreachable', message: 'the configured Redis host name is not known' },
  EAI_AGAIN: {
    code: 'target-unreachable',
    message: 'the configured Redis host name cannot be resolved now',
  },
};
