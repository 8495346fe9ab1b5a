import type { Fault, FaultTargets } from './fault.ts';

/** A deploy has lost the select_related() and prefetch_related() of the account list: four queries a row. */
export function nPlusOne(targets: FaultTargets): Fault {
  let on = false;
  function set(value: boolean): void {
    on = value;
    targets.api.switch({ nPlusOne: value });
  }
  return {
    name: 'n-plus-one',
    group: 'Application',
    title: 'A deploy asks for every row on its own',
    description:
      'The account list has lost its select_related() and has longer pages: 602 queries where there were two. Only another deploy, or this switch, takes it back.',
    truth: {
      cause: 'n-plus-one',
      alsoAcceptable: [],
      evidence: ['n-plus-one'],
      notFirst: [
        'cpu-saturation-api',
        'cpu-saturation-db',
        'gunicorn-starvation',
        'traffic-spike',
        'missing-index',
      ],
      mitigation: null,
      harmful: ['add-workers', 'cancel-query', 'terminate-backend', 'create-index'],
      recovers: 'by-hand',
    },
    isOn: () => on,
    on: async () => set(true),
    off: async () => set(false),
  };
}
