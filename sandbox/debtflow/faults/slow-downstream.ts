import type { Fault, FaultTargets } from './fault.ts';

/** The payment processor takes two to three seconds a charge: the workers wait for it, and soon there is none left. */
export function slowDownstream(targets: FaultTargets): Fault {
  let on = false;
  return {
    name: 'slow-downstream',
    group: 'Application',
    title: 'The payment processor is slow',
    description:
      'Each charge takes 2 to 3 s instead of 15 ms. The workers wait for it, so that every other request waits for a worker.',
    truth: {
      cause: 'downstream-api-slow',
      alsoAcceptable: ['gunicorn-starvation'],
      evidence: ['api-latency'],
      notFirst: [
        'missing-index',
        'long-running-query',
        'cpu-saturation-api',
        'cpu-saturation-db',
        'traffic-spike',
      ],
      // More workers serve everybody else as before, but who pays still waits for the processor, and with that p95.
      mitigation: null,
      harmful: ['terminate-backend', 'cancel-query', 'create-index'],
      recovers: 'by-hand',
    },
    isOn: () => on,
    async on() {
      on = true;
      targets.gateway.setDelay(() => 2_000 + Math.random() * 1_000);
    },
    async off() {
      on = false;
      targets.gateway.setDelay(null);
    },
  };
}
