import { Socket } from 'node:net';
import type { LogFile } from './log-file.ts';
import { type ApiConfig, LISTEN_FD, type Switches } from './messages.ts';
import type { ApiMetrics } from './metrics.ts';
import { bootWorker, type WorkerProcess } from './worker-process.ts';

const WATCH_EVERY_MS = 1_000;
const MIN_RESPAWN_MS = 500;

/** Keeps the wanted number of workers alive, as Gunicorn's arbiter does. */
export interface Arbiter {
  /** Resolves when the configured number of workers have booted. */
  booted: Promise<void>;
  /** TTIN and TTOU: one worker more or less, never below one. */
  adjust(by: 1 | -1): void;
  /** HUP: the configured number of fresh workers; the old ones finish what they do. */
  reload(): void;
  /** Every worker, also one that is booted later, runs with these. */
  switch(switches: Switches): void;
  /** Lets every worker finish its request; resolves when all are gone. */
  stop(): Promise<void>;
}

export function startArbiter(config: ApiConfig, log: LogFile, metrics: ApiMetrics): Arbiter {
  const workers = new Set<WorkerProcess>();
  const listening = inheritedSocket();
  let wanted = config.workers;
  let switched: Switches | null = null;
  let stopped: (() => void) | null = null;
  let booting = config.workers;
  let allBooted: () => void = () => undefined;
  const booted = new Promise<void>((done) => {
    allBooted = done;
  });
  const serving = () => [...workers].filter((worker) => !worker.isRetiring());

  function boot(): void {
    const worker = bootWorker(config.workerScript, listening, {
      booted() {
        booting -= 1;
        if (booting === 0) allBooted();
      },
      requested: metrics.requested,
      answered(request) {
        metrics.answered(request);
        log.access(request.accessLine);
        if (request.error) log.error('ERROR', request.error);
      },
      broken: (error) => log.error('ERROR', `worker ${worker.pid}: ${error.message}`),
      exited: (how) => bury(worker, how),
    });
    workers.add(worker);
    if (switched) worker.switch(switched);
    log.error('INFO', `Booting worker with pid: ${worker.pid}`);
  }

  function bury(worker: WorkerProcess, how: string | number | null): void {
    workers.delete(worker);
    if (worker.isRetiring()) log.error('INFO', `Worker exiting (pid: ${worker.pid})`);
    else log.error('ERROR', `Worker (pid:${worker.pid}) exited with ${how}`);
    if (stopped && workers.size === 0) stopped();
    // A worker that dies at birth would otherwise keep the machine busy with births.
    else setTimeout(balance, Math.max(0, worker.bornAt + MIN_RESPAWN_MS - Date.now()));
  }

  function balance(): void {
    if (stopped) return;
    while (serving().length < wanted) boot();
    for (const oldest of serving().slice(0, -wanted)) oldest.retire();
  }

  balance();
  const watching = setInterval(() => killStuck(workers, config.timeoutMs, log), WATCH_EVERY_MS);
  return {
    booted,
    adjust(by) {
      wanted = Math.max(1, wanted + by);
      balance();
    },
    reload() {
      wanted = config.workers;
      const old = serving();
      for (let count = 0; count < wanted; count += 1) boot();
      for (const worker of old) worker.retire();
    },
    switch(switches) {
      switched = switches;
      for (const worker of workers) worker.switch(switches);
    },
    stop() {
      clearInterval(watching);
      return new Promise((done) => {
        stopped = done;
        for (const worker of workers) worker.retire();
        if (workers.size === 0) done();
      });
    },
  };
}

/**
 * The socket that this process was started with. It is only held here, never read: so it keeps listening, and
 * connections keep queueing, while no worker accepts any.
 */
function inheritedSocket(): object {
  const holder = new Socket({ fd: LISTEN_FD, readable: false, writable: false });
  const { _handle: handle } = holder as unknown as { _handle: object | null };
  if (!handle) throw new Error(`descriptor ${LISTEN_FD} is not a socket`);
  return handle;
}

function killStuck(workers: Iterable<WorkerProcess>, timeoutMs: number, log: LogFile): void {
  for (const worker of workers) {
    if (worker.busyMs() < timeoutMs) continue;
    log.error('CRITICAL', `WORKER TIMEOUT (pid:${worker.pid})`);
    worker.kill();
  }
}
