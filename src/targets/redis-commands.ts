import { BotError } from '../errors.ts';

export type RedisCommand = readonly [string, ...string[]];

/** Number of arguments after the name of the command, and which subcommands there are. */
interface Allowed {
  subcommands?: readonly string[];
  args: readonly [min: number, max: number];
  /** Whether the first argument is a key, to which the ACL needs a pattern. */
  key?: true;
}

// Everything here only reads, and all but LRANGE and CLIENT LIST in constant or logarithmic time; the probes bound
// those two. CONFIG GET is left out: it would also show passwords. https://redis.io/docs/latest/commands/
const ALLOWED: Record<string, Allowed> = {
  PING: { args: [0, 0] },
  INFO: { args: [0, 1] },
  SLOWLOG: { subcommands: ['GET', 'LEN'], args: [1, 2] },
  LATENCY: { subcommands: ['LATEST'], args: [1, 1] },
  CLIENT: { subcommands: ['LIST'], args: [1, 3] },
  MEMORY: { subcommands: ['USAGE'], args: [2, 4] },
  LLEN: { args: [1, 1], key: true },
  LINDEX: { args: [2, 2], key: true },
  LRANGE: { args: [3, 3], key: true },
  HLEN: { args: [1, 1], key: true },
  ZCARD: { args: [1, 1], key: true },
  ZRANGE: { args: [4, 4], key: true },
};

/** Throws for a command that is not on the closed list of those that only look. */
export function refuseUnlisted([name, ...args]: RedisCommand): void {
  const allowed = Object.hasOwn(ALLOWED, name) ? ALLOWED[name] : undefined;
  const [min, max] = allowed?.args ?? [1, 0];
  const known = !allowed?.subcommands || allowed.subcommands.includes(args[0] ?? '');
  if (allowed && known && args.length >= min && args.length <= max) return;
  throw new BotError('internal', 'this command is not one of those that the bot may send to Redis');
}

/** The command as people write it, without what may be data: "SLOWLOG GET", "LLEN". */
export function commandTitle([name, ...args]: RedisCommand): string {
  return ALLOWED[name]?.subcommands ? `${name} ${args[0]}` : name;
}

/**
 * The line for redis-cli that allows the command; `patterns` are the key patterns of the queues, all of them, because a
 * key that is not covered looks the same as a command that is not. https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/
 */
export function aclRemedy([name, ...args]: RedisCommand, user: string, patterns: readonly string[]): string {
  const allowed = ALLOWED[name];
  const rule = allowed?.subcommands ? `${name}|${args[0]}` : name;
  const isKeyed = allowed?.key === true || name === 'MEMORY';
  return ['ACL SETUSER', user, `+${rule.toLowerCase()}`, ...(isKeyed ? patterns : [])].join(' ');
}
