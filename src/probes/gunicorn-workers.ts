import { setTimeout as sleep } from 'node:timers/promises';
import { BotError, type ErrorCode } from '../errors.ts';
import {
  type GunicornLook,
  gunicornLookOf,
  MASTER_REMEDIES,
  type MasterFound,
} from '../targets/gunicorn-look.ts';
import { gunicornDifference, type TimedLook } from './gunicorn-difference.ts';
import { GunicornFacts } from './gunicorn-facts.ts';
import type { Probe } from './probe.ts';

/** At the ends of the window and twice in between: a queue that stays is told from one that passes. */
const LOOKS = 4;

export type GunicornWorkersReport = GunicornFacts;

/** Whether a worker is free: what each of them does, and how many connections wait for one. */
export const gunicornWorkers: Probe<GunicornWorkersReport> = {
  id: 'gunicorn-workers',
  title: 'Gunicorn workers',
  runbookStep: 1,
  needs: ['host'],
  cost: 'a shell script that reads /proc of the master and its workers, four times',
  requires: ['host:reachable', 'host:gunicorn'],
  improvedBy: [],
  report: GunicornFacts,

  async run({ targets, windowMs, signal }) {
    const { host } = targets;
    if (!host) throw new BotError('not-configured', 'no host of the API is configured');
    const beginAt = performance.now();
    const looks: TimedLook[] = [];
    for (let i = 0; i < LOOKS; i += 1) {
      const dueAt = beginAt + (windowMs * i) / (LOOKS - 1);
      await sleep(Math.max(0, dueAt - performance.now()), undefined, { signal });
      const look = gunicornLookOf(await host.look('gunicorn', signal));
      looks.push({ ...look, master: masterOf(look) });
    }
    return gunicornDifference(looks);
  },
};

const CODES: Partial<Record<MasterFound, ErrorCode>> = {
  none: 'not-configured',
  'pidfile-unreadable': 'target-permission',
  'processes-hidden': 'target-permission',
};

function masterOf({ found, master }: GunicornLook): TimedLook['master'] {
  if (master) return master;
  const { words, remedy } = MASTER_REMEDIES[found];
  throw new BotError(CODES[found] ?? 'target-unreachable', `${words}: ${remedy}`);
}
