import type { Caller } from '../identities.ts';
import type { Tier } from '../rate-limits.ts';
import type { Workspace } from '../workspace.ts';
import type { Args } from './args.ts';

/** One call on its way through a method. */
export interface ApiCall {
  workspace: Workspace;
  caller: Caller;
  args: Args;
  /** As the caller addressed the server. */
  host: string;
}

/** One method of the Web API. */
export interface Method {
  tier: Tier;
  /** Whose tokens may call it. */
  callers: readonly Caller['kind'][];
  /** Of which the app's bot needs one. */
  scope?: string;
  /** Whether it answers without a token. */
  anonymous?: boolean;
  /** Returns what comes beside `ok: true`, or throws a SlackError. */
  run(call: ApiCall): Record<string, unknown>;
}

/** Methods by name. */
export type Methods = Readonly<Record<string, Method>>;

export const BOT = ['bot'] as const;
export const BOT_AND_USERS = ['bot', 'user'] as const;
