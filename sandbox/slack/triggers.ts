import { randomBytes } from 'node:crypto';
import type { Act } from './act/acts.ts';
import { SlackError } from './errors.ts';

/** What a person did that lets the app open a view. */
export interface Trigger {
  user: string;
  act: Act;
  /** The modal it was done in, which `views.push` needs. */
  viewId?: string;
}

/** Issues and redeems `trigger_id`s: three seconds, one use. */
export interface Triggers {
  issue(trigger: Trigger): string;
  exchange(id: string): Trigger;
}

const LIFE_MS = 3000;
const REMEMBER_MS = 60_000;

/** The triggers of one workspace. */
export function createTriggers(clock: () => number): Triggers {
  const issued = new Map<string, { trigger: Trigger; at: number; used: boolean }>();
  return {
    issue(trigger) {
      const at = clock();
      for (const [id, one] of issued) if (at - one.at > REMEMBER_MS) issued.delete(id);
      const id = `${at}.${Math.floor(at / 1000)}.${randomBytes(16).toString('hex')}`;
      issued.set(id, { trigger, at, used: false });
      return id;
    },
    exchange(id) {
      const one = issued.get(id);
      if (!one) throw new SlackError('invalid_trigger_id');
      if (one.used) throw new SlackError('exchanged_trigger_id');
      if (clock() - one.at > LIFE_MS) throw new SlackError('expired_trigger_id');
      one.used = true;
      return one.trigger;
    },
  };
}
