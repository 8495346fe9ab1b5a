const BEAT_MS = 10;
/** A timer is a little late on any machine; below this it does not count as a stall. */
const NOTICEABLE_MS = 3;

interface Stall {
  from: number;
  to: number;
}

export interface OwnStalls {
  /** How much of a span of time (performance.now()) this process itself was busy and could not have noticed an answer. */
  during(from: number, to: number): number;
  longestMs(): number;
  stop(): void;
}

/** Watches this process's own event loop, so that a busy bot does not report a slow server. */
export function watchOwnStalls(): OwnStalls {
  const stalls: Stall[] = [];
  let expected = performance.now() + BEAT_MS;
  const note = (now: number) => {
    if (now - expected > NOTICEABLE_MS) stalls.push({ from: expected, to: now });
  };
  const timer = setInterval(() => {
    const now = performance.now();
    note(now);
    expected = now + BEAT_MS;
  }, BEAT_MS);
  return {
    during(from, to) {
      // An answer may be read before the late beat that tells of the stall.
      const current = performance.now();
      const open = current - expected > NOTICEABLE_MS ? [{ from: expected, to: current }] : [];
      return [...stalls, ...open].reduce(
        (sum, stall) => sum + Math.max(0, Math.min(to, stall.to) - Math.max(from, stall.from)),
        0,
      );
    },
    longestMs: () => Math.max(0, ...stalls.map(({ from, to }) => to - from)),
    stop: () => clearInterval(timer),
  };
}
