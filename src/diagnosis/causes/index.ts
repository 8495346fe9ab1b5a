import type { CauseRule } from '../cause-rule.ts';
import { connectionExhaustion } from './connection-exhaustion.ts';
import { lockIdleInTx } from './lock-idle-in-tx.ts';
import { longRunningQuery } from './long-running-query.ts';

/** Every cause the bot can prove or rule out. A new cause is one file and one line here. */
export const CAUSES: readonly CauseRule[] = [lockIdleInTx, longRunningQuery, connectionExhaustion];

const OWN_TITLES: Record<string, string> = {
  healthy: 'Nothing wrong',
  'no-cause-proven': 'No cause proven',
};

/** What people read for a cause id. */
export function causeTitle(id: string): string {
  return CAUSES.find((cause) => cause.id === id)?.title ?? OWN_TITLES[id] ?? id;
}
