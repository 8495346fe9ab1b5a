import type { Fault, FaultTargets } from './fault.ts';

const FACTOR = 5;

/** Five times as many users as usual, who do what users do. */
export function trafficSpike(targets: FaultTargets): Fault {
  let on = false;
  function set(value: boolean): void {
    on = value;
    targets.load.setRate(value ? FACTOR : 1);
  }
  return {
    name: 'traffic-spike',
    group: 'Application',
    title: `There are ${FACTOR} times as many users`,
    description:
      'They do what users always do; every request costs what it always did. There are just too many.',
    truth: {
      cause: 'traffic-spike',
      alsoAcceptable: ['cpu-saturation-api', 'gunicorn-starvation'],
      evidence: ['api-latency'],
      notFirst: ['n-plus-one', 'missing-index', 'long-running-query', 'cpu-saturation-db'],
      mitigation: null,
      harmful: ['terminate-backend', 'cancel-query', 'create-index'],
      recovers: 'by-hand',
    },
    isOn: () => on,
    on: async () => set(true),
    off: async () => set(false),
  };
}
