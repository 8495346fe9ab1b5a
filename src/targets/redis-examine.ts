import { BotError, userMessageOf } from '../errors.ts';
import type { RedisCommand } from './redis-commands.ts';
import type { Examined, RequirementId } from './requirement.ts';

interface Examine {
  call(command: RedisCommand, signal: AbortSignal): Promise<unknown>;
  remedy(command: RedisCommand): string;
  queues: readonly string[];
  signal: AbortSignal;
}

const BEHIND: RequirementId[] = [
  'redis:info',
  'redis:slowlog',
  'redis:latency',
  'redis:clients',
  'redis:queues',
  'redis:messages',
];

/** What the probes will be able to see of Redis, each missing right with the line that grants it. */
export async function examineRedis(examine: Examine): Promise<Examined[]> {
  const reachable = await tried('redis:reachable', 'Redis answers PING', examine, [['PING']]);
  if (!reachable.met) {
    const unknown = { met: null, words: 'not asked: Redis does not answer', remedy: null };
    return [reachable, ...BEHIND.map((id) => ({ id, ...unknown }))];
  }
  const [queue = 'celery'] = examine.queues;
  return [
    reachable,
    await tried('redis:info', 'INFO is allowed', examine, [['INFO', 'commandstats']]),
    await tried('redis:slowlog', 'SLOWLOG GET is allowed', examine, [['SLOWLOG', 'GET', '1']]),
    await latency(examine),
    await tried('redis:clients', 'CLIENT LIST is allowed', examine, [['CLIENT', 'LIST', 'TYPE', 'master']]),
    await tried('redis:queues', `the queues can be counted: ${examine.queues.join(', ')}`, examine, [
      ...examine.queues.map((key) => ['LLEN', key] as const),
      ['HLEN', 'unacked'],
    ]),
    // Asked of a key that no queue has but its pattern covers: not even the examination reads a message.
    await tried('redis:messages', 'task names and ages can be read', examine, [
      ['MEMORY', 'USAGE', `${queue}:latency-bot`],
      ['LRANGE', `${queue}:latency-bot`, '0', '0'],
      ['ZRANGE', 'unacked_index', '0', '0', 'WITHSCORES'],
    ]),
  ];
}

async function tried(
  id: RequirementId,
  words: string,
  { call, remedy, signal }: Examine,
  commands: readonly RedisCommand[],
): Promise<Examined> {
  for (const command of commands) {
    try {
      await call(command, signal);
    } catch (error) {
      const denied =
        error instanceof BotError && error.code === 'target-permission' && id !== 'redis:reachable';
      const lines = commands.map(remedy).filter((line, i, all) => all.indexOf(line) === i);
      return { id, met: false, words: userMessageOf(error), remedy: denied ? lines.join('; ') : null };
    }
  }
  return { id, met: true, words, remedy: null };
}

async function latency(examine: Examine): Promise<Examined> {
  const command = ['LATENCY', 'LATEST'] as const;
  const allowed = await tried('redis:latency', 'LATENCY LATEST is allowed', examine, [command]);
  if (!allowed.met) return allowed;
  const events = await examine.call(command, examine.signal).catch(() => []); // was allowed a moment ago
  if (Array.isArray(events) && events.length > 0) return allowed;
  return {
    ...allowed,
    met: null,
    words: 'LATENCY LATEST is allowed and empty: nothing was slow yet, or latency-monitor-threshold is 0',
    remedy: 'CONFIG SET latency-monitor-threshold 100',
  };
}
