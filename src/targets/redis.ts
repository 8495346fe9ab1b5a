import type { Examinable } from './requirement.ts';

/** The application's Redis, on one connection, for commands that only look. */
export interface RedisTarget extends Examinable {
  /** Runs one command of a closed read-only list. */
  call(command: readonly [string, ...string[]], signal: AbortSignal): Promise<unknown>;
  close(): Promise<void>;
}
