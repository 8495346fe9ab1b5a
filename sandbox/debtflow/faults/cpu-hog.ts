import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { type Guarded, startGuarded } from '../servers/guarded.ts';
import type { Fault, FaultTargets } from './fault.ts';
import { untilFelt } from './until-felt.ts';

/** So many processes for each core at first, and more until the clients of this machine feel it. */
const PER_CORE = [5, 8, 12, 16];
/** A busy loop under a name that `ps` shows. */
const LETTERS = 'while :; do :; done # render-letters';

/**
 * Something else on the host of the API takes its CPU: letters are rendered, by processes that are each a session of
 * their own, because Linux gives every session the same share (sched_autogroup).
 */
export function cpuHog(targets: FaultTargets): Fault {
  let hogs: Guarded[] = [];

  const render = (n: number) =>
    startGuarded({
      program: '/bin/sh',
      dir: join(targets.stateDir, 'letters', String(n)),
      files: {},
      args: ['-c', LETTERS],
      answers: async () => undefined,
    });

  return {
    name: 'cpu-hog',
    group: 'Host',
    title: 'A batch job takes the CPU',
    description:
      'On the same host letters are rendered, in several processes for each core: the API and the database share what is left.',
    truth: {
      cause: 'cpu-saturation-api',
      alsoAcceptable: ['cpu-saturation-db'],
      evidence: ['host'],
      notFirst: ['traffic-spike', 'long-running-query', 'missing-index', 'gunicorn-starvation', 'n-plus-one'],
      mitigation: null,
      harmful: ['add-workers', 'cancel-query', 'terminate-backend', 'create-index'],
      recovers: 'by-hand',
    },
    isOn: () => hogs.length > 0,
    async on() {
      await untilFelt(targets, PER_CORE, async (perCore) => {
        const more = perCore * availableParallelism() - hogs.length;
        const started = Array.from({ length: more }, (_, n) => render(hogs.length + n));
        hogs.push(...(await Promise.all(started)));
        return true;
      });
    },
    async off() {
      await Promise.all(hogs.map((hog) => hog.stop()));
      hogs = [];
    },
  };
}
