/** Probes of one run begin within this time; who comes later gets a window of its own. */
const SHARED_MS = 300;

type Measure<Source, Result> = (source: Source, windowMs: number, signal: AbortSignal) => Promise<Result>;

interface UnderWay<Result> {
  startedAt: number;
  windowMs: number;
  waiting: number;
  stop: AbortController;
  result: Promise<Result>;
}

/**
 * Lets callers that begin together share one measurement over a window, so that several probes cost what one does. It goes
 * on until the last of them has given up; each gets the same result, which none may change.
 */
export function sharedWindow<Source extends object, Result>(
  measure: Measure<Source, Result>,
): Measure<Source, Result> {
  const underWay = new WeakMap<Source, UnderWay<Result>>();

  function begin(source: Source, windowMs: number): UnderWay<Result> {
    const stop = new AbortController();
    const result = measure(source, windowMs, stop.signal);
    result.catch(() => undefined); // each caller gets it; with none left nobody does
    const begun = { startedAt: performance.now(), windowMs, waiting: 0, stop, result };
    underWay.set(source, begun);
    return begun;
  }

  function joinable(source: Source, windowMs: number): UnderWay<Result> | undefined {
    const current = underWay.get(source);
    const fits = current?.windowMs === windowMs && performance.now() - current.startedAt < SHARED_MS;
    return fits ? current : undefined;
  }

  return async (source, windowMs, signal) => {
    signal.throwIfAborted();
    const current = joinable(source, windowMs) ?? begin(source, windowMs);
    current.waiting += 1;
    try {
      return await untilAborted(current.result, signal);
    } finally {
      current.waiting -= 1;
      if (current.waiting === 0) {
        if (underWay.get(source) === current) underWay.delete(source);
        current.stop.abort();
      }
    }
  };
}

function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(signal.reason);
    signal.addEventListener('abort', giveUp, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}
