import type { Logger } from 'pino';
import type { Abandonable } from './backend.ts';
import { withDeadline } from './deadline.ts';

type Closable = { close(): Promise<void> } & Abandonable;

export interface Renewed<T> {
  /** Does something with the object; when that fails, the next use gets a new one. */
  use<R>(ms: number, work: (object: T) => Promise<R>): Promise<R>;
  close(ms: number): Promise<void>;
}

/**
 * An object of BullMQ that is built anew after a failure: on PostgreSQL one whose first connection broke stays dead
 * for ever. It is built at its next use, when the server may be back.
 */
export function renewed<T extends Closable>(build: () => T, log: Logger): Renewed<T> {
  let current: T | undefined = build();
  return {
    async use(ms, work) {
      current ??= build();
      const used = current;
      try {
        return await withDeadline(work(used), ms);
      } catch (error) {
        if (current === used) {
          current = undefined;
          void closeWithin(used, ms, log);
        }
        throw error;
      }
    },
    async close(ms) {
      if (current) await closeWithin(current, ms, log);
    },
  };
}

/** Waits for what is under way, but not for ever. */
export async function closeWithin(object: Closable, ms: number, log: Logger): Promise<void> {
  try {
    await withDeadline(object.close(), ms);
  } catch (err) {
    log.warn({ err }, 'closing the queue');
    object.abandon();
  }
}
