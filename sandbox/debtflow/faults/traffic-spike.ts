import type { Fault, FaultTargets } from './fault.ts';

const FIRST_FACTOR = 5;
const MOST = 24;
const MORE_EVERY_MS = 2_000;
const ENOUGH_P95_MS = 300;

/** Five times as many users as usual, and more of them until this machine feels it; they do what users do. */
export function trafficSpike(targets: FaultTargets): Fault {
  let factor = 1;
  let growing: NodeJS.Timeout | null = null;

  function grow(): void {
    const p95Ms = targets.load.latency().p95Ms ?? 0;
    if (p95Ms > ENOUGH_P95_MS || factor >= MOST) return;
    factor = Math.min(MOST, factor * 1.3);
    targets.load.setRate(factor);
  }

  return {
    name: 'traffic-spike',
    group: 'Application',
    title: 'Many times as many users',
    description: `They do what users always do, and every request costs what it always did. There are ${FIRST_FACTOR} times as many, and ever more (up to ${MOST} times) until this machine feels it.`,
    truth: {
      cause: 'traffic-spike',
      alsoAcceptable: ['cpu-saturation-api', 'gunicorn-starvation'],
      evidence: ['api-latency'],
      notFirst: ['n-plus-one', 'missing-index', 'long-running-query', 'cpu-saturation-db'],
      mitigation: null,
      harmful: ['terminate-backend', 'cancel-query', 'create-index'],
      recovers: 'by-hand',
    },
    isOn: () => growing !== null,

    async on() {
      factor = FIRST_FACTOR;
      targets.load.setRate(factor);
      growing = setInterval(grow, MORE_EVERY_MS);
      growing.unref();
    },

    async off() {
      if (growing) clearInterval(growing);
      growing = null;
      targets.load.setRate(1);
    },
  };
}
