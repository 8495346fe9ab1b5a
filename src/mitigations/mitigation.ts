import type { z } from 'zod';
import type { NamedService } from '../config/schema.ts';
import type { Targets } from '../targets/targets.ts';

/** One change on offer: what a cause proposes, and what takes a change back. */
export interface Proposal {
  kind: string;
  /** Imperative, names the target: "Terminate pid 4242 (celery: reconcile_payments)". */
  title: string;
  risk: 'low' | 'medium' | 'high';
  target: Record<string, unknown>;
  dryRun: Record<string, unknown>;
}

/** What bounds how often changes of a kind run; the limits are in the service's configuration. */
export type Budget = 'sessions' | 'workers' | 'indexes' | 'maintenance' | 'settings' | 'pools';

export interface MitigationContext {
  service: NamedService;
  targets: Targets;
  signal: AbortSignal;
  /** Plain words of how far a long execution is; shown live, the last one wins. */
  progress?(words: string): void;
}

/** The target was looked at again. `changed` carries a sentence for people. */
export type Look<DryRun> = { state: 'same'; dryRun: DryRun } | { state: 'changed'; reason: string };

/** What executing did. `target-changed` means that nothing happened at all. */
export type Effect =
  | {
      effect: 'done';
      detail: string;
      /** What was really done, for `reverse`; with `until` (ISO time) the bot takes it back by itself then. */
      did?: Record<string, unknown>;
    }
  | { effect: 'target-changed'; reason: string };

/** What verification saw; `unknown` when it could not look. It never acts. */
export interface Verification {
  effect: 'took-place' | 'did-not-take-place' | 'unknown';
  detail: string;
  /** The same as in Effect, as far as looking can tell: after a crash there is nothing else. */
  did?: Record<string, unknown>;
}

/** One kind of change to the diagnosed system. Nothing here runs without an approval; see incidents/. */
export interface Mitigation<Target, DryRun> {
  kind: string;
  /** Imperative, short, for a button: "Terminate". */
  verb: string;
  risk: 'low' | 'medium' | 'high';
  /** How it is taken back, or the sentence that says it cannot be. */
  undo: string;
  budget: Budget;
  /** How long `execute` may take, in milliseconds; its process reports that it lives while it runs. */
  executeMs: number;
  /** Why this service cannot have it (nothing configured that it could act through); null when it can. */
  unavailable(service: NamedService): string | null;
  target: z.ZodType<Target>;
  dryRun: z.ZodType<DryRun>;
  /** Sentence naming the target, plain text: "pid 4242, idle in transaction for 3 min, celery: reconcile_payments". */
  describe(target: Target): string;
  /** The dry run in lines of plain text. */
  describeDryRun(dryRun: DryRun): string[];
  /** Reads the target again; changes nothing. */
  look(target: Target, context: MitigationContext): Promise<Look<DryRun>>;
  /** Re-checks identity and policy and acts in one statement. */
  execute(target: Target, context: MitigationContext): Promise<Effect>;
  /** Looks whether the effect is there, after execution or after a crash in the middle of it. */
  verify(target: Target, context: MitigationContext): Promise<Verification>;
  /** The change that takes this one back, offered once it has succeeded; absent or null when there is none. */
  reverse?(target: Target, did: Record<string, unknown>): Proposal | null;
}
