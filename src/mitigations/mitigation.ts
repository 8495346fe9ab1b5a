import type { z } from 'zod';
import type { NamedService } from '../config/schema.ts';
import type { Targets } from '../targets/targets.ts';

export interface MitigationContext {
  service: NamedService;
  targets: Targets;
  signal: AbortSignal;
}

/** The target was looked at again. `changed` carries a sentence for people. */
export type Look<DryRun> = { state: 'same'; dryRun: DryRun } | { state: 'changed'; reason: string };

/** What executing did. `target-changed` means that nothing happened at all. */
export type Effect = { effect: 'done'; detail: string } | { effect: 'target-changed'; reason: string };

/** What verification saw; `unknown` when it could not look. It never acts. */
export type Verification = { effect: 'took-place' | 'did-not-take-place' | 'unknown'; detail: string };

/** One kind of change to the diagnosed system. Nothing here runs without an approval; see incidents/. */
export interface Mitigation<Target, DryRun> {
  kind: string;
  /** Imperative, short, for a button: "Terminate". */
  verb: string;
  risk: 'low' | 'medium' | 'high';
  /** How it is taken back, or the sentence that says it cannot be. */
  undo: string;
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
}
