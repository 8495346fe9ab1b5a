import type { Acts } from './act/acts.ts';
import type { Calls } from './calls.ts';
import type { FailureSource } from './failures.ts';
import type { Journal } from './journal.ts';
import type { Live } from './live.ts';
import type { Manifest } from './manifest.ts';
import type { RateLimits } from './rate-limits.ts';
import type { Sockets } from './socket-mode.ts';
import type { Triggers } from './triggers.ts';

/** How long Slack waits for the app; the defaults are Slack's. */
export interface Timings {
  /** For an acknowledgement. */
  ackMs: number;
  /** After an acknowledgement, for something to show for it. */
  settleMs: number;
  /** From the deed, for something to show for it. */
  showMs: number;
  /** Before each repetition of an event that nobody acknowledged. */
  eventRetryMs: readonly number[];
}

/** Everything one stand-in workspace consists of. */
export interface Workspace {
  stateDir: string;
  clock: () => number;
  log: (line: string) => void;
  timings: Timings;
  manifest: Manifest;
  journal: Journal;
  live: Live;
  sockets: Sockets;
  triggers: Triggers;
  acts: Acts;
  failures: FailureSource;
  rateLimits: RateLimits;
  calls: Calls;
  /** Aborted when the workspace closes. */
  closing: AbortSignal;
}
