import type { Stack } from '../stack.ts';

/** Something that can be broken on purpose, and repaired. */
export interface Fault {
  name: string;
  title: string;
  description: string;
  /** Whether it bites now; false again when somebody ended its sessions from outside. */
  isOn(): boolean;
  /** Idempotent; resolves when the fault is in place. */
  on(): Promise<void>;
  /** Idempotent; resolves when nothing of it is left. */
  off(): Promise<void>;
}

/** What a fault may use: the stack, with connections as the services themselves have them. */
export type FaultTargets = Stack;

/** Lets `on` and `off` of one fault run one after the other, however they are called. */
export function inTurn(fault: Fault): Fault {
  let last: Promise<void> = Promise.resolve();
  const queue = (step: () => Promise<void>): Promise<void> => {
    const result = last.then(step);
    last = result.catch(() => undefined); // the caller of this step gets its error
    return result;
  };
  return {
    ...fault,
    on: () => queue(async () => (fault.isOn() ? undefined : fault.on())),
    off: () => queue(fault.off),
  };
}
