import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { type Guarded, startGuarded } from '../servers/guarded.ts';
import type { Fault, FaultTargets } from './fault.ts';

const PROCESSES = 6 * availableParallelism();
/** A loop in as many processes, under a name that `ps` shows. */
const LETTERS = `for n in $(seq ${PROCESSES}); do (while :; do :; done) & done; trap 'kill $(jobs -p)' TERM; wait; : render-letters`;

/** Something else on the host of the API takes its CPU: letters are rendered, in six processes a core. */
export function cpuHog(targets: FaultTargets): Fault {
  let hog: Guarded | null = null;
  return {
    name: 'cpu-hog',
    group: 'Host',
    title: 'A batch job takes the CPU',
    description: `On the same host letters are rendered in ${PROCESSES} processes: the API and the database share what is left.`,
    truth: {
      cause: 'cpu-saturation-api',
      alsoAcceptable: ['cpu-saturation-db'],
      evidence: ['host'],
      notFirst: ['traffic-spike', 'long-running-query', 'missing-index', 'gunicorn-starvation', 'n-plus-one'],
      mitigation: null,
      harmful: ['add-worker', 'cancel-query', 'terminate-backend', 'create-index'],
      recovers: 'by-hand',
    },
    isOn: () => hog !== null,
    async on() {
      hog = await startGuarded({
        program: '/bin/sh',
        dir: join(targets.stateDir, 'letters'),
        files: {},
        args: ['-c', LETTERS],
        answers: async () => undefined,
      });
    },
    async off() {
      await hog?.stop();
      hog = null;
    },
  };
}
