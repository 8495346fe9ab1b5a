import type { FlowJob } from 'bullmq';
import type { Logger } from 'pino';
import type { Bell, IncidentDeps } from '../incidents/deps.ts';
import { sweepFollowUps } from '../incidents/follow-ups.ts';
import { sweepLife } from '../incidents/life.ts';
import { executeMitigation } from '../incidents/mitigate.ts';
import { closeRun, performProbe } from '../incidents/run.ts';
import { sweep } from '../incidents/sweep.ts';
import type { JobData, QueueBackend } from './backend.ts';
import { closeWithin, renewed } from './renewed.ts';

const SWEEP_INTERVAL_MS = 2_000;
const CLOSE_DEADLINE_MS = 800;
/** Somebody waits for the answer to a click, which must not take 3 s; the sweep rings again. */
const RING_DEADLINE_MS = 1_500;
const PRODUCER_CLOSE_DEADLINE_MS = 1_000;
// Never {count} or {age}: on PostgreSQL they deadlock between workers and run finished jobs again.
const REMOVE = { removeOnComplete: true, removeOnFail: true, attempts: 1 };

export interface Producer extends Bell {
  /** One round trip to the queue's server. */
  ping(): Promise<void>;
  /** Jobs that wait, by queue. */
  waiting(): Promise<Record<string, number>>;
  close(): Promise<void>;
}

/** The ringing side of the queue. */
export function openProducer(backend: QueueBackend, log: Logger): Producer {
  const onError = (err: Error) => log.error({ err }, 'queue');
  const listening = <T extends { on(event: 'error', listener: (err: Error) => void): unknown }>(
    object: T,
  ): T => {
    object.on('error', onError);
    return object;
  };
  const flows = renewed(() => listening(backend.flows()), log);
  const runs = renewed(() => listening(backend.queue('runs')), log);
  const probes = renewed(() => listening(backend.queue('probes')), log);
  const actions = renewed(() => listening(backend.queue('actions')), log);
  return {
    async run(runId, ring, probeIds) {
      await flows.use(RING_DEADLINE_MS, (flow) => flow.add(runFlow(runId, ring, probeIds)));
    },
    async action(mitigationId) {
      // No id of its own: a job that died with its worker would keep the next ring out until its lock expires. A
      // ring too many finds the mitigation claimed.
      await actions.use(RING_DEADLINE_MS, (queue) => queue.add('execute', { mitigationId }, REMOVE));
    },
    async ping() {
      await runs.use(RING_DEADLINE_MS, (queue) => queue.getJobCounts('waiting'));
    },
    async waiting() {
      const count = async (queue: typeof runs) =>
        (await queue.use(RING_DEADLINE_MS, (one) => one.getJobCounts('waiting'))).waiting ?? 0;
      return { runs: await count(runs), probes: await count(probes), actions: await count(actions) };
    },
    async close() {
      await Promise.all(
        [flows, runs, probes, actions].map((object) => object.close(PRODUCER_CLOSE_DEADLINE_MS)),
      );
    },
  };
}

/** One parent per run, one child per probe; a probe that fails or is late never holds the rest. */
function runFlow(runId: number, ring: number, probeIds: string[]): FlowJob {
  return {
    name: 'diagnose',
    queueName: 'runs',
    data: { runId },
    opts: { jobId: `run-${runId}-${ring}`, ...REMOVE },
    children: probeIds.map((probeId) => ({
      name: probeId,
      queueName: 'probes',
      data: { runId, probeId },
      opts: { jobId: `probe-${runId}-${ring}-${probeId}`, ignoreDependencyOnFailure: true, ...REMOVE },
    })),
  };
}

export interface Workers {
  close(): Promise<void>;
}

/** The working side: probes, diagnoses and approved actions, and the sweep that finds what lost its bell. */
export function startWorkers(backend: QueueBackend, deps: IncidentDeps): Workers {
  const { log } = deps;
  const ending = new AbortController();
  const workers = [
    backend.worker('probes', (data, signal) => probe(deps, data, signal), {
      concurrency: 16,
      maxStalledCount: 2,
    }),
    backend.worker('runs', (data) => diagnose(deps, data), { concurrency: 4, maxStalledCount: 2 }),
    // An action that lost its worker is not run again by the queue; the store decides what happened to it, and lets
    // those of one service take turns. One may take hours, so others must not stand behind it.
    backend.worker('actions', (data) => execute(deps, data, ending.signal), {
      concurrency: 16,
      maxStalledCount: 0,
    }),
  ];
  for (const worker of workers) {
    worker.on('error', (err) => log.error({ err }, 'queue worker'));
    worker.on('failed', (job, err) => log.error({ err, jobId: job?.id }, 'job failed'));
  }
  const sweeping = startSweep(deps);
  return {
    async close() {
      ending.abort(new Error('the process ends'));
      // A job or a sweep that is cut off is found again by its row.
      const closing = workers.map((worker) => closeWithin(worker, CLOSE_DEADLINE_MS, log));
      await Promise.all([sweeping.stop(), ...closing]);
    },
  };
}

async function probe(deps: IncidentDeps, data: JobData, signal: AbortSignal): Promise<void> {
  if (data.runId !== undefined && data.probeId !== undefined) {
    await performProbe(deps, data.runId, data.probeId, signal);
  }
}

async function diagnose(deps: IncidentDeps, data: JobData): Promise<void> {
  if (data.runId !== undefined) await closeRun(deps, data.runId);
}

async function execute(deps: IncidentDeps, data: JobData, stop: AbortSignal): Promise<void> {
  if (data.mitigationId !== undefined) await executeMitigation(deps, data.mitigationId, stop);
}

function startSweep(deps: IncidentDeps): { stop(): Promise<void> } {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let current = Promise.resolve();
  const once = (starting: boolean) => {
    // What fails in one of them is found by its next round, and costs the others nothing.
    const failed = (err: unknown) => deps.log.error({ err }, 'sweeping');
    current = sweep(deps, { starting })
      .catch(failed)
      .then(() => sweepLife(deps))
      .catch(failed)
      .then(() => sweepFollowUps(deps))
      .catch(failed)
      .then(() => {
        if (!stopped) timer = setTimeout(() => once(false), SWEEP_INTERVAL_MS);
      });
  };
  once(true);
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await current;
    },
  };
}
