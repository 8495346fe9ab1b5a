import type { Fault, FaultTargets } from './fault.ts';

/** The real Celery worker runs reconcile_payments batch after batch, each with locks on the busy accounts for seconds. */
export function celeryLocks(targets: FaultTargets): Fault {
  let on = false;
  function set(value: boolean): void {
    on = value;
    targets.celery.send({ type: 'reconcile-in-batches', on: value });
  }
  return {
    name: 'celery-locks',
    group: 'Locks',
    title: 'Celery locks accounts in batches',
    description:
      'reconcile_payments runs without a pause, and locks the busy accounts for seconds in every batch: a cancelled batch is followed by the next.',
    truth: {
      cause: 'celery-contention',
      alsoAcceptable: ['lock-active-writer'],
      evidence: ['lock-tree'],
      notFirst: ['gunicorn-starvation', 'connection-exhaustion', 'pool-starvation', 'long-running-query'],
      mitigation: null,
      harmful: ['add-workers', 'create-index'],
      recovers: 'by-hand',
    },
    isOn: () => on,
    on: async () => set(true),
    off: async () => set(false),
  };
}
