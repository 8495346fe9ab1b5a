import { z } from 'zod';

/** What goes wrong on purpose; the defaults are a healthy Slack. */
export const Failures = z.strictObject({
  /** Every Web API call of the bot answers 503, and no socket opens. */
  outage: z.boolean().default(false),
  /** The share of calls that answer 500 without being performed. */
  error500: z.number().min(0).max(1).default(0),
  delayMs: z.int().min(0).max(60_000).default(0),
  /** Methods that are performed and never answered. */
  swallowAnswer: z.array(z.string()).default([]),
  /** Methods that answer with this error and are not performed. */
  errors: z.record(z.string(), z.string()).default({}),
  /** Multiplies every documented rate limit. */
  ratelimitScale: z.number().positive().default(1),
  /** After so many injected failures everything but the scale clears itself. */
  times: z.int().min(1).optional(),
});

/** The failures in force. */
export type Failures = z.infer<typeof Failures>;

/** A request to change them; the two flags happen at once and are not kept. */
export const FailureRequest = Failures.extend({
  dropSockets: z.boolean().default(false),
  refreshSockets: z.boolean().default(false),
});

/** Makes the workspace fail on purpose. */
export interface FailureControl {
  get(): Failures;
  /** Replaces the failures in force by these and the defaults. */
  set(request: z.input<typeof FailureRequest>): Failures;
  clear(): Failures;
}

/** The control, and what the Web API asks before it answers. */
export interface FailureSource extends FailureControl {
  /** Counts one injected failure against `times`. */
  spend(): void;
}

/** Nothing fails at first. */
export function createFailures(sockets: { drop(): void; refresh(): void }): FailureSource {
  let current = Failures.parse({});
  const set = (request: z.input<typeof FailureRequest>) => {
    const { dropSockets, refreshSockets, ...kept } = FailureRequest.parse(request);
    current = kept;
    if (dropSockets || kept.outage) sockets.drop();
    if (refreshSockets) sockets.refresh();
    return current;
  };
  return {
    get: () => current,
    set,
    clear: () => set({}),
    spend() {
      if (current.times === undefined) return;
      const { times, ratelimitScale, ...rest } = current;
      current =
        times > 1 ? { ...rest, ratelimitScale, times: times - 1 } : Failures.parse({ ratelimitScale });
    },
  };
}
