import { z } from 'zod';
import type { Mitigation, MitigationContext, Verification } from '../../src/mitigations/mitigation.ts';

const Target = z.object({ machine: z.string(), from: z.number(), to: z.number() });
export type Target = z.infer<typeof Target>;

/** Something outside with a number that can be set, as slowly as a test wants. */
export interface Machine {
  value: number;
  /** How often somebody began to set it, and how often it was set. */
  begun: number;
  set: number;
  /** Setting it waits for this; without, it is done at once. */
  held?: Promise<void>;
  /** Until when it may stay so, where it is for a while only. */
  until?: string;
  reachable: boolean;
}

const machines = new Map<string, Machine>();

export function machine(name: string, values: Partial<Machine> = {}): Machine {
  const made: Machine = { value: 4, begun: 0, set: 0, reachable: true, ...values };
  machines.set(name, made);
  return made;
}

/** A promise and what fulfils it. */
export function latch(): { held: Promise<void>; release(): void } {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { held, release };
}

function find(name: string): Machine {
  const found = machines.get(name);
  if (!found?.reachable) throw new Error('the machine does not answer');
  return found;
}

function orAborted(held: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    held.then(resolve);
  });
}

async function verify({ machine: name, from, to }: Target): Promise<Verification> {
  const { value, until } = find(name);
  const did = { from, ...(until && { until }) };
  return value === to
    ? { effect: 'took-place', detail: `it is ${to}`, did }
    : { effect: 'did-not-take-place', detail: `it is ${value}` };
}

function kind(
  name: string,
  budget: 'workers' | 'indexes',
  executeMs: number,
): Mitigation<Target, Record<string, unknown>> {
  return {
    kind: name,
    verb: 'Set',
    risk: 'low',
    undo: 'by setting it back',
    budget,
    executeMs,
    unavailable: () => null,
    target: Target,
    dryRun: z.record(z.string(), z.unknown()),
    describe: (target) => `the number of ${target.machine}`,
    describeDryRun: () => [],
    async look({ machine: name, from }) {
      const { value } = find(name);
      return value === from
        ? { state: 'same', dryRun: { value } }
        : { state: 'changed', reason: `it is ${value} by now` };
    },
    async execute({ machine: name, from, to }: Target, context: MitigationContext) {
      const seen = find(name);
      if (seen.value !== from) return { effect: 'target-changed', reason: `it is ${seen.value} by now` };
      seen.begun += 1;
      context.progress?.('begun');
      if (seen.held) await orAborted(seen.held, context.signal);
      seen.value = to;
      seen.set += 1;
      return { effect: 'done', detail: 'set', did: { from, ...(seen.until && { until: seen.until }) } };
    },
    verify,
    reverse: ({ machine, to }, did) => ({
      kind: name,
      title: `Set ${machine} back to ${did.from}`,
      risk: 'low',
      target: { machine, from: to, to: did.from },
      dryRun: {},
    }),
  };
}

/** A change that takes up to an hour, and one that is limited like index builds. */
export const TEST_KINDS = [kind('set-number', 'workers', 3_600_000), kind('set-index', 'indexes', 3_600_000)];
