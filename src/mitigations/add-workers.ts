import { BotError } from '../errors.ts';
import type { GunicornFacts } from '../probes/gunicorn-facts.ts';
import type { GunicornLook } from '../targets/gunicorn-look.ts';
import { WORKER_SIGNAL_MS } from '../targets/gunicorn-signal.ts';
import { lookAtMaster, signalWorkers, verifyWorkers, workersNow } from './change-workers.ts';
import type { Look, Mitigation, MitigationContext, Verification } from './mitigation.ts';
import { ceilingOf, describeRoom, lacksOf, WorkerRoom } from './worker-room.ts';
import {
  describeMaster,
  noWorkerSignals,
  reallyAdded,
  removeProposal,
  WorkersTarget,
  workerCount,
} from './workers.ts';

// Ordinary roles get what is not reserved; the bot's own sessions come and go.
const CONNECTIONS = `
  select
    current_setting('max_connections')::int
      - current_setting('superuser_reserved_connections')::int
      - coalesce(current_setting('reserved_connections', true), '0')::int as usable,
    count(*)::int as used,
    (count(*) filter (where wait_event_type = 'Lock'))::int as "lockWaiters"
  from pg_stat_activity
  where backend_type = 'client backend'`;

interface Connections extends Record<string, unknown> {
  usable: number;
  used: number;
  lockWaiters: number;
}

async function look(target: WorkersTarget, context: MitigationContext): Promise<Look<WorkerRoom>> {
  const now = await lookAtMaster(target, context);
  if ('changed' in now) return { state: 'changed', reason: now.changed };
  const room = await roomNow(target, now.facts, context);
  const lacks = lacksOf(room, context.service);
  return lacks.length > 0
    ? { state: 'changed', reason: `there is no room for another worker now: ${lacks.join(', ')}` }
    : { state: 'same', dryRun: room };
}

/** Adds workers to Gunicorn, one after the other (TTIN). https://docs.gunicorn.org/en/stable/signals.html */
export const addWorkers: Mitigation<WorkersTarget, WorkerRoom> = {
  kind: 'add-workers',
  verb: 'Add workers',
  risk: 'medium',
  undo: 'Taken back by TTOU, which is offered afterwards; a reload, a restart or a deploy of Gunicorn takes it back, too.',
  budget: 'workers',
  executeMs: WORKER_SIGNAL_MS + 10_000,
  unavailable: noWorkerSignals,
  target: WorkersTarget,
  dryRun: WorkerRoom,
  describe: (target) => `${describeMaster(target)}: ${target.by} more`,
  describeDryRun: describeRoom,
  look,

  async execute(target, context) {
    const before = await look(target, context);
    if (before.state === 'changed') return { effect: 'target-changed', reason: before.reason };
    return signalWorkers('ttin', target, context);
  },

  verify: (target, context) =>
    verifyWorkers(target, context, (now, before, last) => judge(target, now, before, last)),

  reverse(target, did) {
    const by = reallyAdded(target, did);
    if (by === 0) return null;
    const workers = target.workers + by;
    const left = { workers, after: target.workers, floor: null, busy: null, backlog: null };
    return removeProposal({ ...target, workers, by }, left);
  },
};

/** They are up when the same ones are there at two looks. */
function judge(
  target: WorkersTarget,
  now: GunicornLook,
  before: GunicornLook | null,
  last: boolean,
): Verification | null {
  const wanted = target.workers + target.by;
  const there = now.workers.length;
  const did = { sent: there - target.workers, workers: there };
  const known = new Set(before?.workers.map(({ pid, startTicks }) => `${pid} ${startTicks}`));
  const stay =
    before !== null && now.workers.every(({ pid, startTicks }) => known.has(`${pid} ${startTicks}`));
  if (there >= wanted && stay)
    return { effect: 'took-place', detail: `${workersNow(now)}, all of them up`, did };
  if (!last) return null;
  if (there <= target.workers)
    return { effect: 'did-not-take-place', detail: `Gunicorn still has ${workersNow(now)}` };
  if (!stay) {
    const detail = `Gunicorn has ${workerCount(there)}, but they do not stay up: read its log, and take them back with kill -TTOU ${target.pid}`;
    return { effect: 'did-not-take-place', detail };
  }
  const detail = `only ${did.sent} of ${target.by} came: ${workersNow(now)}`;
  return { effect: 'took-place', detail, did };
}

async function roomNow(
  target: WorkersTarget,
  { headroom, threads }: GunicornFacts,
  { service, targets, signal }: MitigationContext,
): Promise<WorkerRoom> {
  if (!targets.postgres)
    throw new BotError(
      'not-configured',
      'no PostgreSQL is configured, whose connections more workers would use',
    );
  const [connections] = await targets.postgres.query<Connections>({
    probe: 'recheck',
    sql: CONNECTIONS,
    signal,
    always: true,
  });
  return {
    workers: target.workers,
    after: target.workers + target.by,
    ceiling: headroom ? ceilingOf(service, headroom.cores) : null,
    machine: headroom && {
      cores: headroom.cores,
      idleRatio: headroom.idleRatio,
      availableBytes: headroom.availableBytes,
      workerBytes: headroom.workerRssBytes,
    },
    connections: connections ? { ...connections, needed: target.by * Math.max(1, threads ?? 1) } : null,
  };
}
