import type { GunicornLook } from '../targets/gunicorn-look.ts';
import { WORKER_SIGNAL_MS } from '../targets/gunicorn-signal.ts';
import { lookAtMaster, signalWorkers, verifyWorkers, workersNow } from './change-workers.ts';
import type { Look, Mitigation, MitigationContext, Verification } from './mitigation.ts';
import {
  addProposal,
  describeLeft,
  describeMaster,
  noWorkerSignals,
  reallyRemoved,
  WorkersLeft,
  WorkersTarget,
  workerCount,
} from './workers.ts';

async function look(target: WorkersTarget, context: MitigationContext): Promise<Look<WorkersLeft>> {
  const { workers, by } = target;
  const { minWorkers: floor } = context.service.mitigations;
  if (workers - by < floor) {
    const reason = `${workerCount(workers - by)} would be fewer than the ${floor} that always stay (mitigations.minWorkers)`;
    return { state: 'changed', reason };
  }
  const now = await lookAtMaster(target, context);
  if ('changed' in now) return { state: 'changed', reason: now.changed };
  const { busy, backlog } = now.facts;
  const left = {
    workers,
    after: workers - by,
    floor,
    busy: busy?.average ?? null,
    backlog: backlog?.last ?? null,
  };
  return { state: 'same', dryRun: left };
}

/** Removes workers from Gunicorn, the oldest first (TTOU). https://docs.gunicorn.org/en/stable/signals.html */
export const removeWorkers: Mitigation<WorkersTarget, WorkersLeft> = {
  kind: 'remove-workers',
  verb: 'Remove workers',
  risk: 'medium',
  undo: 'Taken back by TTIN, which is offered afterwards.',
  budget: 'workers',
  executeMs: WORKER_SIGNAL_MS + 10_000,
  unavailable: noWorkerSignals,
  target: WorkersTarget,
  dryRun: WorkersLeft,
  describe: (target) => `${describeMaster(target)}: ${target.by} fewer`,
  describeDryRun: describeLeft,
  look,

  async execute(target, context) {
    const before = await look(target, context);
    if (before.state === 'changed') return { effect: 'target-changed', reason: before.reason };
    return signalWorkers('ttou', target, context);
  },

  verify: (target, context) =>
    verifyWorkers(target, context, (now, _before, last) => judge(target, now, last)),

  reverse(target, did) {
    const by = reallyRemoved(target, did);
    if (by === 0) return null;
    const workers = target.workers - by;
    const room = { workers, after: target.workers, ceiling: null, machine: null, connections: null };
    return addProposal({ ...target, workers, by }, room);
  },
};

function judge(target: WorkersTarget, now: GunicornLook, last: boolean): Verification | null {
  const gone = target.workers - now.workers.length;
  const did = { sent: gone, workers: now.workers.length };
  if (gone >= target.by) return { effect: 'took-place', detail: `Gunicorn has ${workersNow(now)}`, did };
  if (!last) return null;
  // A worker that was told to go answers its request first, which may take as long as Gunicorn's graceful time-out.
  const detail = `Gunicorn has ${workersNow(now)}; who was told to go may still be answering a request`;
  return gone > 0
    ? { effect: 'took-place', detail: `${gone} of ${target.by} are gone: ${detail}`, did }
    : { effect: 'unknown', detail };
}
