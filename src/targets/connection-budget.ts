import { BotError } from '../errors.ts';

/** A server without room is not asked for another one for this long while we share what we have. */
const RETRY_CROWDED_MS = 5_000;

export interface BudgetOptions<C> {
  /** Connections that may exist at once. */
  max: number;
  open(signal: AbortSignal): Promise<C>;
  shut(connection: C): Promise<void>;
  isBroken(connection: C): boolean;
  /** Whether this failure to open only means that the server has no room for another one now. */
  isCrowded(error: unknown): boolean;
  /** How long a second idle connection is kept; the first one stays. */
  spareIdleMs: number;
}

export interface ConnectionBudget<C> {
  /** Lends a connection to `work`, waiting for a free one when the budget is used up; who is `patient` comes last. */
  use<T>(signal: AbortSignal, work: (connection: C) => Promise<T>, patient?: boolean): Promise<T>;
  close(): Promise<void>;
}

/**
 * A handful of connections, opened on demand, of which one stays open. When the server has no room for
 * another one, callers share what is there: the one that stayed open is the way in.
 */
export function createConnectionBudget<C>(options: BudgetOptions<C>): ConnectionBudget<C> {
  const idle: C[] = [];
  const waiting = new Set<() => void>();
  const patient = new Set<() => void>();
  const lent = new Set<C>();
  const opening = new Set<Promise<C>>();
  let size = 0;
  let closed = false;
  let crowdedUntil = 0;
  let spareTimer: NodeJS.Timeout | undefined;

  function wakeOne(): void {
    const [next] = waiting.size > 0 ? waiting : patient;
    if (next) {
      waiting.delete(next);
      patient.delete(next);
      next();
    }
  }

  function takeIdle(): C | undefined {
    for (let connection = idle.pop(); connection !== undefined; connection = idle.pop()) {
      if (!options.isBroken(connection)) {
        lent.add(connection);
        return connection;
      }
      drop(connection);
    }
    return undefined;
  }

  function drop(connection: C): void {
    size -= 1;
    void options.shut(connection);
  }

  function mayOpen(): boolean {
    const sharing = performance.now() < crowdedUntil && lent.size > 0;
    return size < options.max && !sharing;
  }

  async function acquire(signal: AbortSignal, queue: Set<() => void>): Promise<C> {
    for (;;) {
      signal.throwIfAborted();
      if (closed) throw new BotError('internal', 'the connections of this service are closed');
      const ready = takeIdle() ?? (mayOpen() ? await openOrShare(signal) : undefined);
      if (ready !== undefined) return ready;
      await released(signal, queue);
    }
  }

  /** Undefined when the server has no room but a connection of ours exists, which will be free in a moment. */
  async function openOrShare(signal: AbortSignal): Promise<C | undefined> {
    size += 1;
    const attempt = options.open(signal);
    opening.add(attempt);
    try {
      const connection = await attempt;
      lent.add(connection);
      return connection;
    } catch (error) {
      size -= 1;
      opening.delete(attempt);
      // Nobody is woken to try the same in vain: the connection that exists wakes them when it is released.
      if (options.isCrowded(error) && (await isAnyOpen())) {
        crowdedUntil = performance.now() + RETRY_CROWDED_MS;
        return takeIdle();
      }
      wakeOne();
      throw error;
    } finally {
      opening.delete(attempt);
    }
  }

  /** Whether we hold a connection, once those that are being opened have been decided. */
  async function isAnyOpen(): Promise<boolean> {
    while (lent.size + idle.length === 0 && opening.size > 0)
      await Promise.race(opening).catch(() => undefined);
    return lent.size + idle.length > 0;
  }

  function released(signal: AbortSignal, queue: Set<() => void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const wake = () => {
        signal.removeEventListener('abort', give);
        resolve();
      };
      const give = () => {
        queue.delete(wake);
        reject(signal.reason);
      };
      signal.addEventListener('abort', give, { once: true });
      queue.add(wake);
    });
  }

  function release(connection: C): void {
    if (closed || options.isBroken(connection)) drop(connection);
    else idle.push(connection);
    wakeOne();
    if (idle.length > 1) {
      clearTimeout(spareTimer);
      spareTimer = setTimeout(() => {
        while (idle.length > 1) drop(idle.shift() as C);
      }, options.spareIdleMs).unref();
    }
  }

  return {
    async use(signal, work, comesLast = false) {
      const connection = await acquire(signal, comesLast ? patient : waiting);
      try {
        return await work(connection);
      } finally {
        lent.delete(connection);
        release(connection);
      }
    },
    async close() {
      closed = true;
      clearTimeout(spareTimer);
      for (const wake of [...waiting, ...patient]) wake();
      waiting.clear();
      patient.clear();
      await Promise.all([...idle.splice(0), ...lent].map((connection) => options.shut(connection)));
    },
  };
}
