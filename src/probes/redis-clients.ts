import { z } from 'zod';
import { commandName } from './redis-slowlog.ts';

const MAX_GROUPS = 12;
/** CLIENT LIST writes about 300 bytes a client while nobody else is served: measured 1 to 7 ms for so many. */
export const MAX_LISTED_CLIENTS = 2_000;

const ClientGroup = z.object({
  /** CLIENT SETNAME, with digits masked; empty without one. */
  name: z.string(),
  user: z.string(),
  /** The last command. */
  command: z.string(),
  count: z.int(),
  /** In a blocking command now, which is where consumers of a queue belong. */
  blocked: z.int(),
  /** Biggest output buffer: a client that does not read its answers. */
  maxOutputBytes: z.number(),
});

export const ClientGroups = z.object({
  groups: z.array(ClientGroup),
  groupsLeftOut: z.int(),
  maxOutputBytes: z.number(),
});
export type ClientGroups = z.infer<typeof ClientGroups>;

/** One line of CLIENT LIST. https://redis.io/docs/latest/commands/client-list/ */
export interface ListedClient {
  name: string;
  user: string;
  command: string;
  database: string;
  isBlocked: boolean;
  isSubscriber: boolean;
  outputBytes: number;
}

/** Reads an answer to CLIENT LIST, without the bot's own connection and without addresses. */
export function parseClients(answer: unknown): ListedClient[] {
  const lines = z.string().parse(answer).split('\n');
  return lines
    .filter((line) => line.includes('id='))
    .map((line) => new Map(line.trim().split(' ').map(pair)))
    .filter((fields) => fields.get('name') !== 'latency-bot')
    .map((fields) => ({
      name: maskName(fields.get('name') ?? ''),
      user: maskName(fields.get('user') ?? ''),
      command: commandName(fields.get('cmd')),
      database: fields.get('db') ?? '',
      isBlocked: fields.get('flags')?.includes('b') === true,
      isSubscriber: fields.get('flags')?.includes('P') === true,
      outputBytes: Number(fields.get('omem') ?? 0) + Number(fields.get('obl') ?? 0),
    }));
}

function pair(word: string): [string, string] {
  const equals = word.indexOf('=');
  return [word.slice(0, equals), word.slice(equals + 1)];
}

/** Names are given by programs and may hold host names, process ids or whom they serve. */
function maskName(name: string): string {
  return name
    .replace(/\S*@\S*/g, '*')
    .replace(/[0-9a-f]{8,}|\d+/gi, '#')
    .slice(0, 60);
}

/** Clients by name, user and last command; the biggest groups first. */
export function groupClients(clients: ListedClient[]): ClientGroups {
  const byKey = new Map<string, z.infer<typeof ClientGroup>>();
  for (const { name, user, command, isBlocked, outputBytes } of clients) {
    const key = JSON.stringify([name, user, command]);
    const group = byKey.get(key) ?? { name, user, command, count: 0, blocked: 0, maxOutputBytes: 0 };
    group.count += 1;
    group.blocked += isBlocked ? 1 : 0;
    group.maxOutputBytes = Math.max(group.maxOutputBytes, outputBytes);
    byKey.set(key, group);
  }
  const groups = [...byKey.values()].sort((a, b) => b.count - a.count);
  return {
    groups: groups.slice(0, MAX_GROUPS),
    groupsLeftOut: Math.max(0, groups.length - MAX_GROUPS),
    maxOutputBytes: Math.max(0, ...groups.map((group) => group.maxOutputBytes)),
  };
}
