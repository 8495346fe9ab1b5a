import { BotError } from '../errors.ts';

const FAILURES = 3;
const WITHIN_MS = 30_000;
const OPEN_MS = 15_000;
const COUNTED = new Set(['target-unreachable', 'target-timeout', 'target-full']);

export interface Circuit {
  /** Runs `work`, or answers at once with the last failure while the target is known not to answer. */
  run<T>(work: () => Promise<T>): Promise<T>;
}

/** Spares a target, and the run, the attempts that are bound to fail (`now` in milliseconds, monotonic). */
export function createCircuit(now: () => number = () => performance.now()): Circuit {
  let failures: number[] = [];
  let openedAt: number | null = null;
  let last: BotError | null = null;

  function note(error: unknown): void {
    if (!(error instanceof BotError) || !COUNTED.has(error.code)) return;
    last = error;
    failures = [...failures.filter((at) => now() - at <= WITHIN_MS), now()];
    if (failures.length >= FAILURES) openedAt = now();
  }

  return {
    async run(work) {
      if (openedAt !== null && last && now() - openedAt < OPEN_MS) {
        // The code stays: "no free slot" is a finding, also when it is repeated from memory.
        const message = `could not look: ${last.userMessage} (${failures.length} failures in a row)`;
        throw new BotError(last.code, message, { cause: last });
      }
      try {
        const result = await work();
        failures = [];
        openedAt = null;
        return result;
      } catch (error) {
        note(error);
        throw error;
      }
    },
  };
}
