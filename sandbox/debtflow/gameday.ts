import type { Debtflow } from './debtflow.ts';
import type { Fault } from './faults/fault.ts';

/** A fault as a game day breaks it. */
export interface BreakableFault {
  name: string;
  title: string;
  /** The root cause, and what is no mistake either. */
  causes: string[];
  isOn(): boolean;
  on(): Promise<void>;
  off(): Promise<void>;
}

/** What game days may break: every fault that can be had here and that hurts somebody. */
export function gamedayRange({ faults, latency }: Pick<Debtflow, 'faults' | 'latency'>): {
  breakables: BreakableFault[];
  latency: Debtflow['latency'];
} {
  const hurting = faults.filter(
    (fault) => fault.unavailable === undefined && fault.truth.cause !== 'healthy',
  );
  return { breakables: hurting.map(breakable), latency };
}

/** While a game day has it on, the panel does not tell. */
function breakable(fault: Fault): BreakableFault {
  return {
    name: fault.name,
    title: fault.title,
    causes: [fault.truth.cause, ...fault.truth.alsoAcceptable],
    isOn: fault.isOn,
    async on() {
      fault.secret = true;
      await fault.on();
    },
    async off() {
      await fault.off();
      fault.secret = false;
    },
  };
}
