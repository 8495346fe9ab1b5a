import type { LiveEvent } from './records.ts';

/** Tells the open pages of a person what changed. */
export interface Live {
  subscribe(user: string, listener: (event: LiveEvent) => void): () => void;
  publish(users: readonly string[], event: LiveEvent): void;
}

/** Pages that listen, by person. */
export function createLive(): Live {
  const listeners = new Map<string, Set<(event: LiveEvent) => void>>();
  return {
    subscribe(user, listener) {
      const mine = listeners.get(user) ?? new Set();
      listeners.set(user, mine);
      mine.add(listener);
      return () => mine.delete(listener);
    },
    publish(users, event) {
      for (const user of users) for (const listener of listeners.get(user) ?? []) listener(event);
    },
  };
}
