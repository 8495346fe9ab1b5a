import type { ServerName, Stack } from '../stack.ts';

/** What a diagnosis of this fault has to come to; the words are those of docs/causes.md and of the probes. */
export interface Truth {
  /** The root cause, or `healthy` for something that only looks bad. */
  cause: string;
  /** Causes that are no mistake either. */
  alsoAcceptable: string[];
  /** Probes whose facts have to be among the evidence. */
  evidence: string[];
  /** Causes that would be its consequences or its look-alikes: wrong in the first place. */
  notFirst: string[];
  /** The first mitigation that helps; null when only people can, outside of the bot. */
  mitigation: string | null;
  /** Mitigations that would make it worse, or hit somebody innocent. */
  harmful: string[];
  recovers: 'by-mitigation' | 'by-itself' | 'by-hand';
}

export type FaultGroup = 'Locks' | 'Queries' | 'Connections' | 'Redis' | 'Application' | 'Host' | 'Innocent';

/** Something that can be broken on purpose, and repaired. */
export interface Fault {
  name: string;
  group: FaultGroup;
  title: string;
  description: string;
  /** Servers without which it cannot be. */
  needs?: ServerName[];
  /** Why it cannot be turned on here. */
  unavailable?: string;
  /** On without being shown as on: a game day has it on. */
  secret?: boolean;
  truth: Truth;
  /** Whether it bites now; false again when somebody ended its sessions from outside. */
  isOn(): boolean;
  /** Idempotent; resolves when the fault is in place. */
  on(): Promise<void>;
  /** Idempotent; resolves when nothing of it is left. */
  off(): Promise<void>;
}

/** What a fault may use: the stack, with connections as the services themselves have them. */
export type FaultTargets = Stack;

const PROGRAMS: Record<ServerName, string> = { redis: 'redis-server', pgbouncer: 'pgbouncer' };

/** A fault that cannot be had without a server is there, says so, and refuses to be turned on. */
export function withNeeds(fault: Fault, targets: FaultTargets): Fault {
  const missing = (fault.needs ?? []).filter((name) => targets[name] === null).map((name) => PROGRAMS[name]);
  if (missing.length === 0) return fault;
  const unavailable = `${fault.group} faults need ${missing.join(' and ')} on this machine.`;
  return {
    ...fault,
    unavailable,
    async on() {
      throw new Error(unavailable);
    },
    off: async () => undefined,
  };
}

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
