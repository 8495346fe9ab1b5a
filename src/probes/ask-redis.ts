import { z } from 'zod';
import { BotError, userMessageOf } from '../errors.ts';
import type { RedisTarget } from '../targets/redis.ts';
import type { RedisCommand } from '../targets/redis-commands.ts';
import type { NotSeen } from './not-seen.ts';

export interface Looking {
  redis: RedisTarget;
  signal: AbortSignal;
  /** Gets what could not be seen. */
  notSeen: NotSeen[];
}

/** Asks Redis one thing and reads the answer; null, and a note, when it could not be seen. */
export async function askRedis<T>(
  { redis, signal, notSeen }: Looking,
  what: string,
  command: RedisCommand,
  read: (answer: unknown) => T,
): Promise<T | null> {
  try {
    return read(await redis.call(command, signal));
  } catch (error) {
    if (error instanceof z.ZodError) {
      notSeen.push({ what, reason: 'Redis answered in a form that the bot does not know', remedy: null });
      return null;
    }
    if (!(error instanceof BotError)) throw error;
    const remedy = error.code === 'target-permission' ? redis.remedy(command) : null;
    notSeen.push({ what, reason: userMessageOf(error), remedy });
    return null;
  }
}
